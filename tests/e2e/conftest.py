"""Fixtures of the end-to-end tests: see README.md."""
import collections
import json
import os
import platform
import re
import signal

import pytest

from cases import registered
from sockets import START_TIMEOUT, TIMEOUT, Namespace
from tracing import BACKEND, BINARY, Abilities, Trace


def pytest_sessionstart(session):
    # a shell that runs this in the background, or nohup, has them ignored, and so would all that is started here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if os.geteuid() != 0:
        pytest.exit('the end-to-end tests need root', returncode=1)
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f'there is no {BINARY}: make it first', returncode=1)


# An emulated machine takes seconds to start a trace. Of the files where each test starts its own, or
# tests what no kernel changes, these run there; CONNSNOOP_ALL=1 runs all.
IN_EVERY_VM = {
    'test_cli.py': {'test_not_privileged', 'test_nothing_is_left[9]'},
    'test_command.py': {'test_first_call', 'test_children_of_a_shell', 'test_daemon', 'test_short_lived'},
    'test_output.py': {'test_latency[0]'},
    'test_filters.py': {f'test_filter[{name}]' for name in (
        'udp', 'pid', 'longest prefix', 'in', 'cgroup', 'mapped, by port and network')},
    'test_existing.py': {
        'test_as_ss_has_them', 'test_owners_and_directions', 'test_later_events_of_every_state[without]',
        'test_namespaces', 'test_shared_by_fork', 'test_accepted_later[existing]',
        'test_udp_flow_of_an_old_socket', 'test_while_sockets_come_and_go', 'test_filter[pid and port]'},
    'test_filter_state.py': {'test_no_state[port]', 'test_no_state[pid]'},
    'test_udp_flows.py': {'test_many_peers'},
    'test_cgroups.py': {'test_cgroup', 'test_short_lived', 'test_older_than_the_trace', 'test_version_1',
                        'test_names[docker]', 'test_long_path[239]', 'test_long_path[1022]'},
    'test_dns.py': {
        'test_hook_is_there', 'test_answer[127.0.0.1-1-127.0.0.21-udp]', 'test_answer[127.0.0.1-1-127.0.0.21-tcp]',
        'test_answer[127.0.0.1-1-127.0.0.21-udp-unconnected]', 'test_within_a_millisecond', 'test_large_answer',
        'test_stream[None]', 'test_two_namespaces', 'test_own_name_first', 'test_malformed_answers', 'test_not_asked',
        'test_asked_from_a_port_of_its_own', 'test_clients[dig]', 'test_stub'},
    'test_resolvers.py': {
        'test_client[python3-plain-127.0.1.1]', 'test_asking[dig by TCP-plain]', 'test_all_addresses[+bufsize=4096]',
        'test_own_queries[plain-127.0.1.1-authority]', 'test_own_queries[plain-127.0.1.1-stub]', 'test_pipelined',
        'test_at_once[unconnected]', 'test_forged[source0-True]', 'test_forged[source0-False]'},
    'test_libc_names.py': {'test_name', 'test_of_nobody_else', 'test_second_libc', 'test_nothing_is_left[9]',
                           'test_filtered_process'},
    'test_idle.py': {'test_asleep[]', 'test_flows[--pid 1]'},
    'test_list.py': {
        'test_as_ss_has_them', 'test_the_whole_machine', 'test_two_namespaces', 'test_namespace_that_is_only_mounted',
        'test_namespace_without_a_process[all]', 'test_mptcp', 'test_shared_by_fork', 'test_dup_is_no_second_holder',
        'test_threads_are_no_holders', 'test_passed_in_a_message[shared]', 'test_passed_in_a_message[handed over]',
        'test_never_accepted', 'test_never_accepted_of_two_listeners[of two processes]', 'test_many_holders',
        'test_wanted_holder_alone', 'test_filter[none]', 'test_filter[tcp]', 'test_filter[udp]',
        'test_filters_of_owners_and_ports', 'test_own_questions_are_not_listed', 'test_while_sockets_come_and_go',
        'test_while_processes_come_and_go', 'test_connection_that_ends_in_time_wait', 'test_not_privileged',
        'test_what_cannot_be_had_is_said_once[no privileges]', 'test_what_cannot_be_had_is_said_once[no iterators]'},
    'test_nat.py': {
        'test_not_loaded', 'test_asking_tracks_nothing', 'test_service[4]', 'test_service[6]', 'test_service_udp[4]',
        'test_not_translated', 'test_two_in_a_row', 'test_to_itself[redirect]', 'test_list', 'test_namespaces_end',
        'test_addresses_are_whole'},
    'test_ports.py': {
        'test_rows', 'test_bound_to_a_device', 'test_connections', 'test_one_row_and_all_its_owners',
        'test_two_namespaces', 'test_watch', 'test_watch_misses_nothing_between', 'test_udp_watch', 'test_outbound',
        'test_no_drift', 'test_drift', 'test_program[0-False-3]', 'test_nginx_opens_one_port_more'},
}
# Variants of what is tested there once, and floods.
NOT_IN_VMS = re.compile(r'test_(route|icmp|firewall|cgroup)\[non-blocking|test_route\[.*ffff:'
                        r'|test_many_reset_in_the_queue|test_reset_while_accept_returns|test_twice_as_many_names'
                        r'|test_namespace_that_has_gone|test_text|test_columns_imply_it')
VARIANTS_IN_VMS = 3  # of a test with parameters: the first ones
# What attaches nothing, or the same programs with every backend: on each kernel one runs them.
ONE_BACKEND = re.compile(
    r'test_(list|ports|podman|idle|command|nat)\.py::|test_hooks\.py::test_(maps|exits)'
    r'|test_existing\.py::test_(as_ss|names|shared|while|filter)|test_resolvers\.py::|test_loss\.py::test_(reader|goes|udp)')
# The same; what kernels differ in besides, the others show. The oldest and the newest run them.
ONE_BACKEND_OF_TWO = re.compile(
    r'test_list\.py::test_(passed|never|dup|threads|many|wanted|filters_of|while|own|what|not_privileged)'
    r'|test_ports\.py::test_(rows|connections|one_row|no_drift|drift|program|nginx)|test_command\.py::test_(children|short)'
    r'|test_cgroups\.py::test_(short|older|long|version)|test_nat\.py::test_(not_loaded|asking|list|two|to_itself|namesp)'
    r'|test_libc_names\.py::test_(of|sec|noth|filt)'
    r'|test_link\.py::test_(list|full|no_link|no_arp|point|hostile|existing|metrics|options|refused|udp_|listener)'
    r'|test_dns\.py::test_(large|stream|malformed|clients|stub|own_name|not_asked|asked|two)'
    r'|test_resolvers\.py::test_(client|ask|all|own|pipe|forged)')


def is_run_elsewhere(item):
    name = f'{item.path.name}::{item.name}'
    first = BACKEND in ('auto', 'fentry')
    if ONE_BACKEND_OF_TWO.match(name):
        return not first or re.match(r'6\.(1|12)\.', platform.release())
    return not first and ONE_BACKEND.match(name)


def pytest_collection_modifyitems(config, items):
    if 'CONNSNOOP_VM' not in os.environ or os.environ.get('CONNSNOOP_ALL'):
        return
    kept, left, variants = [], [], collections.Counter()
    for item in items:
        variants[item.path, item.originalname] += 1
        only = IN_EVERY_VM.get(item.path.name)
        keep = item.name in only if only else (
            not NOT_IN_VMS.match(item.name) and
            variants[item.path, item.originalname] <= VARIANTS_IN_VMS)
        (kept if keep and not is_run_elsewhere(item) else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


# --- the table of cases -------------------------------------------------------------------------

def pytest_configure(config):
    config.addinivalue_line('markers', 'case(group, case): proves a case of cases.py')
    config.outcomes = {}


def cases_of(item):
    return [mark.args for mark in item.iter_markers('case')]


def pytest_itemcollected(item):
    for case in cases_of(item):
        if case not in registered():
            raise pytest.UsageError(f'{item.nodeid}: {case} is no case of cases.py')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Note what became of a test that proves a case: the worst of its setup, call and teardown."""
    report = (yield).get_result()
    if not cases_of(item):
        return
    if call.when == 'setup':
        item.outcome = 'passed', ''
    if report.failed or hasattr(report, 'wasxfail'):
        item.outcome = 'failed', getattr(report, 'wasxfail', '')
    elif report.skipped:
        item.outcome = 'skipped', report.longrepr[2].removeprefix('Skipped: ')
    elif Abilities.weaker and item.outcome[0] == 'passed':
        item.outcome = 'weaker', Abilities.weaker[-1]
    if call.when == 'teardown':
        outcome, words = item.outcome
        item.config.outcomes[item.nodeid] = {
            'cases': cases_of(item), 'outcome': outcome, 'words': words}


def pytest_sessionfinish(session):
    """Leave the outcomes for tests/cases; tests/run-e2e says where."""
    path = os.environ.get('CONNSNOOP_CASES')
    if path:
        with open(path, 'w') as f:
            json.dump({'kernel': platform.release(), 'backend': BACKEND,
                       'tests': session.config.outcomes}, f, indent=1)


@pytest.fixture(autouse=True)
def abilities_are_noted():
    Abilities.weaker.clear()


@pytest.fixture(autouse=True)
def deadline():
    """No test waits for ever, whatever it waits for."""
    def late(signum, frame):
        raise AssertionError('the test has taken too long')
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(2 * START_TIMEOUT + 4 * TIMEOUT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


def started_traces():
    traces = []

    def start(*args, **options):
        traces.append(Trace(*args, **options))
        return traces[-1]
    return traces, start


@pytest.fixture
def tracer():
    """Starts a trace with options: `trace = tracer('-t')`. It ends with the test at the latest."""
    traces, start = started_traces()
    try:
        yield start
    finally:
        for trace in traces:
            trace.kill()


@pytest.fixture(scope='module')
def trace():
    """A trace without options, for all tests of a module; it is checked as a whole at the end."""
    traces, start = started_traces()
    try:
        running = start()
        yield running
        running.stop()
    finally:
        for one in traces:
            one.kill()


@pytest.fixture
def need(request):
    """`need(trace, 'accept')`: a hook that is missing here, and said to be, takes its events along."""
    def check(trace, ability):
        if not trace.abilities[ability]:
            pytest.skip(f'not on this kernel by this backend: {ability}')
    return check


@pytest.fixture
def netns():
    ns = Namespace()
    try:
        yield ns
    finally:
        ns.close()
