"""The command line: exit statuses, messages, limits, and what is left behind."""
import json
import os
import pwd
import re
import signal
import subprocess
import time

import pytest

from sockets import IN_VM, START_TIMEOUT, TIMEOUT, Pair, cookie, run, tcp_socket, wait_until
from tracing import BACKEND, BINARY, parse_line

NOBODY = pwd.getpwnam('nobody').pw_uid


def connsnoop(*args, **options):
    return subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=START_TIMEOUT, **options)


def one_sentence(done):
    """The message of a failure: one line, said by connsnoop, on stderr."""
    lines = done.stderr.decode().splitlines()
    lines = [line for line in lines if not line.startswith('connsnoop: warning: no hook')]
    assert len(lines) == 1, done.stderr.decode()
    assert lines[0].startswith('connsnoop: ') and len(lines[0]) > 30
    return lines[0]


# --- usage --------------------------------------------------------------------------------------

@pytest.mark.parametrize('args', [
    ['--no-such-option'], ['no-such-command'], ['-p', 'one'], ['-p', '0'], ['-p', ''],
    ['-P', '70000'], ['-P', '5-1'], ['-P', 'no-such-service'], ['-A', '10.0.0.0/33'],
    ['-A', 'example.org'], ['--class', 'ephemeral'], ['-e', 'birth'], ['--buffer', '5000'],
    ['--buffer', '1'], ['--count', '0'], ['-d', '-1'], ['-d', 'soon'], ['--latency', 'x'],
    ['--backend', 'magic'], ['--color', 'maybe'], ['--columns', 'nonsense'], ['--udp-idle', '0'],
    ['--user', 'no-such-user-here'], ['--netns', '/etc/passwd'], ['--netns', '/nowhere'],
    ['-p'], ['-o', ''],
], ids=' '.join)
def test_wrong_usage(args):
    """Status 2 and a sentence, before anything is loaded."""
    done = connsnoop(*args, '-d', '0.1') if args != ['-p'] else connsnoop(*args)
    assert done.returncode == 2, done
    assert done.stdout == b''
    message = done.stderr.decode()
    assert message.startswith('connsnoop: ')
    assert len(message.splitlines()) <= 2  # the second may point at --help


@pytest.mark.parametrize('args', [['--help'], ['-h'], ['trace', '--help'], ['probe', '--help'],
                                  ['--version'], ['-V'], ['--columns', 'help']], ids=' '.join)
def test_help_and_version(args):
    done = connsnoop(*args)
    assert (done.returncode, done.stderr) == (0, b'')
    assert done.stdout.endswith(b'\n')


def test_columns_help_lists_the_fields():
    text = connsnoop('--columns', 'help').stdout.decode()
    for name in 'ts event proto id pid comm laddr rport service tx_bytes reason peer_pid'.split():
        assert any(line.split()[:1] == [name] for line in text.splitlines()), name


@pytest.mark.parametrize('command', ['trace', 'list', 'ports'])
def test_columns_help_tells_the_default(command):
    text = connsnoop(command, '--columns', 'help').stdout.decode()
    default = {'trace': 'time,event,', 'list': 'proto,state,', 'ports': 'proto,local,'}[command]
    assert text.startswith(f'The default is {default}'), text.splitlines()[0]


def test_help_of_all_options():
    text = connsnoop('--help').stdout.decode()
    for option in ('--numeric --json --output --columns --no-header --color --pid --comm --user '
                   '--tcp --udp --port --lport --rport --net --class --in --out --cgroup --netns '
                   '--events --failed --states --datagrams --duration --count --udp-idle '
                   '--buffer --latency --backend --stats --as').split():
        assert option in text, option


def test_help_to_a_full_disk():
    with open('/dev/full', 'w') as full:
        done = subprocess.run([BINARY, '--help'], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT)
    assert done.returncode == 1
    one_sentence(done)


# --- failures -----------------------------------------------------------------------------------

def test_not_privileged():
    """Nobody may not load programs: status 1, and what would help."""
    done = connsnoop('-d', '0.1', preexec_fn=lambda: (os.setgroups([]), os.setgid(NOBODY),
                                                     os.setuid(NOBODY)))
    if done.returncode == 126:
        pytest.skip('nobody may not even run it here')
    assert done.returncode == 1
    assert 'root' in one_sentence(done) or 'CAP_' in one_sentence(done)


def test_unwritable_file(tmp_path):
    for path in tmp_path, tmp_path / 'no' / 'such' / 'directory':
        done = connsnoop('-d', '0.1', '-o', str(path))
        assert done.returncode == 1
        assert str(path) in one_sentence(done)


@pytest.mark.parametrize('output', ['stdout', '-o'])
def test_full_disk(output):
    """Everything that is written fails; the message says how much was written."""
    args = ['-t', '-j', '--backend', BACKEND, '-d', str(START_TIMEOUT)]
    if output == '-o':
        args += ['-o', '/dev/full']
    with open('/dev/full', 'w') as full:
        process = subprocess.Popen([BINARY, *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   stdout=full if output == 'stdout' else subprocess.DEVNULL)
        connect_until(lambda: process.poll() is not None, process)
    process.args, process.stderr = args, process.stderr.read()
    assert process.returncode == 1
    assert 'No space left' in one_sentence(process) and '0 bytes' in one_sentence(process)


def test_disk_that_fills(tmp_path):
    """A small file system: what was written is whole lines but for the last."""
    where = tmp_path / 'small'
    where.mkdir()
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(where))
    try:
        process = subprocess.Popen([BINARY, '-t', '-j', '--backend', BACKEND, '-o',
                                    str(where / 'log')], stderr=subprocess.PIPE)
        connect_until(lambda: process.poll() is not None, process)
        process.stderr = process.stderr.read()
        assert process.returncode == 1
        size = (where / 'log').stat().st_size
        assert f' {size} bytes' in one_sentence(process)
        lines = (where / 'log').read_bytes().split(b'\n')
        assert size > 30000
        for line in lines[:-1]:
            parse_line(line)
    finally:
        run('umount', str(where))


def connect_until(condition, process):
    """Make connections until the process has seen enough."""
    end = time.monotonic() + START_TIMEOUT
    try:
        while not condition():
            assert time.monotonic() < end, 'it goes on and on'
            with Pair():
                pass
    finally:
        if not condition():
            process.kill()
        process.wait()


# --- the end ------------------------------------------------------------------------------------

@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_signals(tracer, how):
    """Everything seen is printed, with a summary."""
    trace = tracer('-t', '--latency', '60000')
    with Pair() as pair:
        pass
    trace.stop(how)
    assert trace.history(pair.client_id) == ['connect', 'established', 'close']


def test_signal_before_it_traces():
    """Ended while it loads: cleanly, and soon."""
    process = subprocess.Popen([BINARY, '-j', '--backend', BACKEND], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    wait_until(lambda: os.path.exists(f'/proc/{process.pid}/fd/3'), 'started')
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=START_TIMEOUT)
    assert process.returncode in (0, -signal.SIGINT)
    if process.returncode == 0:
        assert parse_line(out.splitlines()[-1])['event'] == 'summary'


@pytest.mark.parametrize('command', [['trace', '-d', '60'], ['list', '-a'], ['ports'], ['probe'], ['--help']],
                         ids=lambda command: command[0])
def test_stdout_is_closed(command):
    """No other file takes its number, and so what was meant for it."""
    done = subprocess.run(['sh', '-c', 'exec "$@" >&-', 'sh', BINARY, *command], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=START_TIMEOUT)
    assert done.returncode == 1
    assert re.search(r'^connsnoop: cannot write to stdout: Bad file descriptor', done.stderr.decode(), re.M), done.stderr


def test_reader_goes_away():
    """EPIPE: quiet, status 0."""
    process = subprocess.Popen([BINARY, '-j', '-t', '--backend', BACKEND], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.close()
    connect_until(lambda: process.poll() is not None, process)
    assert process.returncode == 0
    assert [line for line in process.stderr.read().splitlines() if b'no hook' not in line] == []


def test_duration(tracer):
    trace = tracer('-t', '-d', '0.5')
    trace.wait()


@pytest.mark.parametrize('count', [1, 5])
def test_count(tracer, count):
    """It stops after N events, lost and summary not counted."""
    trace = tracer('-t', '--count', str(count))
    for _ in range(3):
        with Pair():
            pass
    trace.wait()
    assert len([line for line in trace.lines if b'"event":"lost"' not in line]) == count


def test_stats(tracer):
    trace = tracer('-t', '--stats')
    with Pair() as pair:
        pass
    trace.wait_for(event='close', id=pair.client_id)
    trace.stop()
    lines = trace.stderr.splitlines()
    closes = trace.summary['events']['close']
    assert any(line.split() == ['close', str(closes)] for line in lines)
    assert any('ns/run' in line for line in lines)


def bpf_objects():
    """Ids of all programs, maps and links in this kernel."""
    ids = {}
    for kind in 'prog', 'map', 'link':
        out = subprocess.run(['bpftool', '-j', kind, 'show'], stdout=subprocess.PIPE, check=True,
                             timeout=TIMEOUT).stdout
        ids[kind] = {item['id']: item.get('name') for item in json.loads(out)}
    return ids


def ours(objects):
    return {(kind, i, name) for kind, ids in objects.items() for i, name in ids.items()}


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left(tracer, how):
    """No program, map or link, however it ends."""
    before = ours(bpf_objects())
    trace = tracer('-t')
    own = ours(bpf_objects()) - before
    assert own, 'bpftool sees nothing of it'
    trace.process.send_signal(how)
    trace.process.wait(TIMEOUT)
    wait_until(lambda: not own & ours(bpf_objects()), 'all programs, maps and links are gone')


def test_stopped_process_does_not_hold_connections_up(tracer):
    """A tracer that does not read delays nobody."""
    trace = tracer('-t', '--buffer', '4096')
    trace.process.send_signal(signal.SIGSTOP)
    for _ in range(50):
        with Pair():
            pass
    trace.process.send_signal(signal.SIGCONT)
    trace.stop()


# --- probe --------------------------------------------------------------------------------------

def test_probe():
    """It says for each hook what was chosen and what is missing; the kernels we know have all."""
    done = connsnoop('probe', '--backend', BACKEND)
    text = done.stdout.decode()
    assert done.returncode == 0
    for hook in 'tcp-state tcp-connect tcp-accept tcp-listen udp-send udp-receive'.split():
        assert re.search(rf'^{hook}\b', text, re.MULTILINE), hook
    assert text.count('chosen') + text.count('MISSING:') >= 10
    if BACKEND == 'auto':
        assert 'Every event can be traced.' in text, text
    if IN_VM and BACKEND == 'auto':  # nothing of ours may make these kernels' programs fail to load
        assert 'failed to load: Permission denied' not in text, text


def test_missing_hooks_are_said(tracer):
    """What probe calls missing is also said when a trace begins."""
    probe = connsnoop('probe', '--backend', BACKEND).stdout.decode()
    trace = tracer()
    hook = None
    for line in probe.splitlines():
        if line and not line[0].isspace():
            hook = line.split(':')[0]
        if 'MISSING:' in line:
            assert trace.lacks(hook), hook
    trace.stop()


def test_two_at_once(tracer):
    """Two traces at the same time see the same."""
    traces = [tracer('-t'), tracer('-t')]
    with Pair() as pair:
        pass
    for trace in traces:
        trace.wait_for(event='close', id=pair.client_id)
        trace.wait_for(event='close', id=pair.server_id)
        trace.stop()
        assert trace.history(pair.client_id) == ['connect', 'established', 'close']


def test_it_opens_no_socket(tracer):
    """It sends no packet of its own: it has no socket of any internet kind."""
    trace = tracer()
    client = tcp_socket()
    assert cookie(client)
    client.close()
    for fd in os.listdir(f'/proc/{trace.process.pid}/fd'):
        try:
            target = os.readlink(f'/proc/{trace.process.pid}/fd/{fd}')
        except FileNotFoundError:
            continue
        assert not target.startswith('socket:')
    trace.stop()
