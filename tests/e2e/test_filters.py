"""Filters: each option sees its part of one scene, and nothing else.

The scene is played in two namespaces: servers, and clients of several names, users and cgroups,
each connection with a client port of its own. `scene()` knows all events there must be; a filter
here is a row: its options, and which of those events it lets through.
"""
import contextlib
import os
import pwd
import signal
import socket
from collections import Counter

import pytest

from sockets import (Cgroup, Namespace, Process, cgroup2_root, held, listen_on,
                     port_class, reset_on_close, tcp_socket, udp_socket, wait_for_end)
from test_loss import make_connections
from tracing import Trace

NOBODY = pwd.getpwnam('nobody').pw_uid
TCP_PORTS = [443, 8080, 8443, 50080]
UDP_PORTS = [53, 5353]


# --- what the processes of the scene do ---------------------------------------------------------

def do_serve():
    held['tcp'] = {port: listen_on('::', port) for port in TCP_PORTS}
    held['udp'] = {port: udp_socket('::', port) for port in UDP_PORTS}


def do_open(address, port, local_port):
    held['client'] = tcp_socket(address)
    held['client'].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held['client'].bind(('', local_port))
    held['client'].connect((address, port))


def do_try(address, port, local_port):
    """A port where nobody listens."""
    with tcp_socket(address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(('', local_port))
        with contextlib.suppress(ConnectionRefusedError):
            client.connect((address, port))


def do_take(port):
    held['server'], _ = held['tcp'][port].accept()


def do_end(name, reset):
    sock = held.pop(name)
    if reset:
        reset_on_close(sock)
    sock.close()


def do_see_end():
    with contextlib.suppress(ConnectionResetError):
        wait_for_end(held['server'])
    held.pop('server').close()


def do_ask(address, port, local_port):
    sock = udp_socket(address)
    sock.bind(('', local_port))
    sock.sendto(b'question', (address, port))
    assert sock.recv(100) == b'answer'
    sock.close()


def do_answer(port):
    _, back = held['udp'][port].recvfrom(100)
    held['udp'][port].sendto(b'answer', back)


def do_close_all():
    for sock in [*held.pop('tcp').values(), *held.pop('udp').values()]:
        sock.close()


# --- the scene ----------------------------------------------------------------------------------

class Scene:
    """Its processes; play() makes the connections, and returns the events there must be."""

    def __init__(self):
        with contextlib.ExitStack() as stack:
            self.here, self.there = Namespace(), Namespace()
            stack.callback(self.here.close)
            stack.callback(self.there.close)
            self.cgroup = None
            if cgroup2_root():
                with contextlib.suppress(OSError):
                    self.cgroup = Cgroup(f'connsnoop-e2e-{os.getpid()}')
                    stack.callback(self.cgroup.close)

            def process(comm, **options):
                return stack.enter_context(Process(comm, **options))
            self.server = process(b'e2e-server', netns=self.here)
            self.red = process(b'e2e-red', netns=self.here)
            self.blue = process(b'e2e-blue', netns=self.here, uid=NOBODY)
            self.green = process(b'e2e-green', netns=self.here, cgroup=self.cgroup)
            self.far_server = process(b'e2e-server', netns=self.there)
            self.far_red = process(b'e2e-red', netns=self.there)
            self.comms = {self.server: 'e2e-server', self.red: 'e2e-red', self.blue: 'e2e-blue',
                          self.green: 'e2e-green', self.far_server: 'e2e-server',
                          self.far_red: 'e2e-red'}
            self.stack = stack.pop_all()

    def close(self):
        self.stack.close()

    def play(self):
        self.events = []
        for server in self.server, self.far_server:
            server.call(do_serve)
        #        client     server       address, port, client's port
        self.tcp(self.red, self.server, '127.0.0.1', 443, 40001)
        self.tcp(self.red, self.server, '127.0.0.2', 8080, 40002)
        self.tcp(self.red, self.server, '::1', 8080, 40003)
        self.tcp(self.blue, self.server, '127.0.0.1', 8443, 40004)
        self.tcp(self.blue, self.server, '::ffff:127.0.0.1', 50080, 40005)
        self.tcp(self.green, self.server, '127.0.0.1', 443, 50006)
        self.tcp(self.far_red, self.far_server, '127.0.0.1', 443, 40007)
        self.tcp(self.red, self.server, '127.0.0.1', 8080, 40008, reset=True)
        self.refused(self.red, '127.0.0.1', 444, 40009)
        self.refused(self.blue, '::1', 444, 40010)
        self.udp(self.red, self.server, '127.0.0.1', 53, 40011)
        self.udp(self.blue, self.server, '::1', 5353, 40012)
        self.udp(self.green, self.server, '127.0.0.1', 5353, 50013)
        for server in self.server, self.far_server:
            server.call(do_close_all)
        return self.events

    def expect(self, kind, process, proto, direction, address, local, remote, **more):
        address = address.removeprefix('::ffff:')
        self.events.append({
            'event': kind, 'proto': proto, 'direction': direction, 'ipv': 6 if ':' in address else 4,
            'raddr': self.source(address) if direction == 'in' else address,
            'lport': local, 'rport': remote, 'pid': process.pid, 'comm': self.comms[process],
            'uid': NOBODY if process is self.blue else 0,
            'cgroup': process is self.green,
            'netns': self.there if process in (self.far_red, self.far_server) else self.here,
            'class': port_class(local if direction == 'in' else remote), **more,
        })

    @staticmethod
    def source(address):
        """Where a client of that address comes from."""
        return '::1' if address == '::1' else '127.0.0.1'

    def tcp(self, client, server, address, port, local_port, reset=False):
        client.call(do_open, address, port, local_port)
        server.call(do_take, port)
        client.call(do_end, 'client', reset)
        server.call(do_see_end)
        for kind, why in ('connect', None), ('established', None), ('close', 'reset-sent' if reset else 'local'):
            self.expect(kind, client, 'tcp', 'out', address, local_port, port, reason=why)
        for kind, why in ('accept', None), ('close', 'reset-received' if reset else 'remote'):
            self.expect(kind, server, 'tcp', 'in', address, port, local_port, reason=why)

    def refused(self, client, address, port, local_port):
        client.call(do_try, address, port, local_port)
        for kind in 'connect', 'fail':
            self.expect(kind, client, 'tcp', 'out', address, local_port, port)

    def udp(self, client, server, address, port, local_port):
        server.begin(do_answer, port)
        client.call(do_ask, address, port, local_port)
        server.result()
        for kind, why in ('flow', None), ('close', 'closed'):
            self.expect(kind, client, 'udp', 'out', address, local_port, port, reason=why)
            self.expect(kind, server, 'udp', 'in', address, port, local_port, reason=why)


# --- the filters --------------------------------------------------------------------------------

def ports(e):
    return {e['lport'], e['rport']}


def server_comm(e):
    return e['comm'] == 'e2e-server'


# name: (options, which events); `s` is the scene, so that pids and paths are known
FILTERS = {
    'nothing': (lambda s: [], lambda s, e: True),
    'tcp': (lambda s: ['-t'], lambda s, e: e['proto'] == 'tcp'),
    'udp': (lambda s: ['--udp'], lambda s, e: e['proto'] == 'udp'),
    'tcp and udp': (lambda s: ['-t', '-u'], lambda s, e: True),
    'ipv4': (lambda s: ['-4'], lambda s, e: e['ipv'] == 4),
    'ipv6': (lambda s: ['-6'], lambda s, e: e['ipv'] == 6),
    'pid': (lambda s: ['-p', str(s.red.pid)], lambda s, e: e['pid'] == s.red.pid),
    'pids': (lambda s: ['--pid', f'{s.blue.pid},{s.server.pid}'],
             lambda s, e: e['pid'] in (s.blue.pid, s.server.pid)),
    'comm': (lambda s: ['-c', 'e2e-red'], lambda s, e: e['comm'] == 'e2e-red'),
    'comms': (lambda s: ['-c', 'e2e-blue', '--comm', 'e2e-green'],
              lambda s, e: e['comm'] in ('e2e-blue', 'e2e-green')),
    'part of a comm': (lambda s: ['-c', 'e2e'], lambda s, e: False),
    'user by name': (lambda s: ['--user', 'nobody'], lambda s, e: e['uid'] == NOBODY),
    'user by number': (lambda s: ['--user', '0'], lambda s, e: e['uid'] == 0),
    'port': (lambda s: ['-P', '8080'], lambda s, e: 8080 in ports(e)),
    'ports': (lambda s: ['--port', '53,8400-8499,40001'],
              lambda s, e: ports(e) & {53, 8443, 40001}),
    'services': (lambda s: ['-P', 'https,domain'], lambda s, e: ports(e) & {443, 53}),
    'local port': (lambda s: ['-L', '443'], lambda s, e: e['lport'] == 443),
    'local port range': (lambda s: ['--lport', '40001-40004'],
                         lambda s, e: 40001 <= e['lport'] <= 40004),
    'remote port': (lambda s: ['-R', 'https'], lambda s, e: e['rport'] == 443),
    'local and remote port': (lambda s: ['-L', '40000-40099', '--rport', '8080,53'],
                              lambda s, e: e['lport'] // 100 == 400 and e['rport'] in (8080, 53)),
    'network': (lambda s: ['-A', '127.0.0.2/32'], lambda s, e: e['raddr'] == '127.0.0.2'),
    'networks': (lambda s: ['--net', '127.0.0.2,::/0'],
                 lambda s, e: e['raddr'] in ('127.0.0.2', '::1')),
    'network excluded': (lambda s: ['-A', '!127.0.0.1'], lambda s, e: e['raddr'] != '127.0.0.1'),
    'network with a hole': (lambda s: ['-A', '127.0.0.0/8,!127.0.0.2'],
                            lambda s, e: e['raddr'] == '127.0.0.1'),
    'networks excluded': (lambda s: ['-A', '!127.0.0.0/8,!::1'], lambda s, e: False),
    'longest prefix': (lambda s: ['-A', '!127.0.0.0/8,127.0.0.2,!0.0.0.0/0,::/0'],
                       lambda s, e: e['raddr'] in ('127.0.0.2', '::1')),
    'mapped network': (lambda s: ['-A', '::ffff:127.0.0.0/104,!::ffff:127.0.0.2'],
                       lambda s, e: e['raddr'] == '127.0.0.1'),
    'mapped, by port and network': (lambda s: ['-4', '-P', '50080', '-A', '127.0.0.1'],
                                    lambda s, e: 50080 in ports(e)),
    'well-known': (lambda s: ['--class', 'well-known'], lambda s, e: e['class'] == 'well-known'),
    'classes': (lambda s: ['--class', 'registered,private'],
                lambda s, e: e['class'] != 'well-known'),
    'private': (lambda s: ['--class', 'private'], lambda s, e: e['class'] == 'private'),
    'in': (lambda s: ['--in'], lambda s, e: e['direction'] == 'in'),
    'out': (lambda s: ['--out'], lambda s, e: e['direction'] == 'out'),
    'in and out': (lambda s: ['--in', '--out'], lambda s, e: True),
    'cgroup': (lambda s: ['--cgroup', s.cgroup.path], lambda s, e: e['cgroup']),
    'cgroup from the root': (lambda s: ['--cgroup', s.cgroup.relative], lambda s, e: e['cgroup']),
    'all cgroups': (lambda s: ['--cgroup', '/'], lambda s, e: True),
    'netns of a process': (lambda s: ['--netns', str(s.far_red.pid)],
                           lambda s, e: e['netns'] is s.there),
    'netns by path': (lambda s: ['--netns', s.here.path], lambda s, e: e['netns'] is s.here),
    'events': (lambda s: ['-e', 'accept,fail'], lambda s, e: e['event'] in ('accept', 'fail')),
    'event close': (lambda s: ['--events', 'close'], lambda s, e: e['event'] == 'close'),
    'event flow': (lambda s: ['-e', 'flow'], lambda s, e: e['event'] == 'flow'),
    'failed': (lambda s: ['-f'], lambda s, e: e['event'] == 'fail' or (
        e['event'] == 'close' and e['reason'] in ('reset-sent', 'reset-received'))),
    'failed and closed': (lambda s: ['--failed', '-e', 'close'], lambda s, e: (
        e['event'] == 'close' and e['reason'].startswith('reset'))),
    'comm and port': (lambda s: ['-c', 'e2e-red', '-P', '443'],
                      lambda s, e: e['comm'] == 'e2e-red' and 443 in ports(e)),
    'user, tcp, out, ipv4': (lambda s: ['--user', 'nobody', '-t', '--out', '-4'],
                             lambda s, e: (e['uid'], e['proto'], e['ipv']) == (NOBODY, 'tcp', 4)),
    'in, class and network': (lambda s: ['--in', '--class', 'registered', '-A', '::1'],
                              lambda s, e: e['direction'] == 'in' and e['class'] == 'registered'
                              and e['raddr'] == '::1'),
    'out of that server': (lambda s: ['--out', '-c', 'e2e-server'], lambda s, e: False),
}
EACH = pytest.mark.case('filters', 'each alone')
COMBINED = pytest.mark.case('filters', 'combined')
MAPPED = pytest.mark.case('filters', 'IPv4-mapped addresses')
NETWORKS = pytest.mark.case('filters', 'lists of networks, the longest prefix decides')


def cases_of(name):
    """What of the table of cases a filter here proves; the scene has a mapped connection."""
    if 'network' in name or 'prefix' in name:
        yield NETWORKS
    if 'mapped' in name or name == 'ipv4':
        yield MAPPED
    yield COMBINED if ' and ' in name or ', ' in name or 'out of' in name else EACH


BATCH = 8  # traces at a time: in 2 GB of memory


def seen_by(trace, scene):
    """The events of the scene that a trace has printed."""
    inodes = {scene.here.inode, scene.there.inode}
    events = [e for inode in inodes for e in trace.find(netns=inode)]
    return [e for e in events if e['event'] not in ('listen', 'unlisten')]


def short(event):
    return tuple(event.get(name) for name in ('event', 'proto', 'direction', 'lport', 'rport'))


def without(rows, others):
    return sorted((Counter(rows) - Counter(others)).elements())


def play_to(traces, scene):
    """Play the scene, and end the traces when it is over."""
    wanted = scene.play()
    for trace in traces:
        trace.stop()
    return wanted


@pytest.fixture(scope='module')
def results(request):
    """For each filter its trace's events and all there were, batch by batch."""
    answers = {}
    names = [item.callspec.params['name'] for item in request.session.items
             if item.path == request.path and item.originalname == 'test_filter']

    def result(name):
        if name not in answers:
            first = names.index(name) // BATCH * BATCH
            run_batch(names[first:first + BATCH])
        if isinstance(answers[name], str):
            pytest.skip(answers[name])
        return answers[name]

    def run_batch(names):
        scene = Scene()
        traces = {}
        try:
            for name in names:
                if 'cgroup' in name and not scene.cgroup:
                    answers[name] = 'no cgroup can be made here'
                    continue
                traces[name] = Trace('--buffer', '1M', *FILTERS[name][0](scene), start=False)
            for trace in traces.values():
                trace.wait_for_start()
            wanted = play_to(traces.values(), scene)
            for name, trace in traces.items():
                rows = [e for e in wanted if FILTERS[name][1](scene, e)]
                answers[name] = (trace, rows, seen_by(trace, scene), wanted)
        finally:
            for trace in traces.values():
                trace.kill()
            scene.close()
    return result


@pytest.mark.parametrize('name', [pytest.param(name, marks=[*cases_of(name)]) for name in FILTERS])
def test_filter(results, name):
    trace, wanted, seen, everything = results(name)

    def can_be_had(e):
        ability = {'accept': 'accept'}.get(e['event'])
        if e['proto'] == 'udp':
            ability = 'udp sent' if e['direction'] == 'out' else 'udp received'
        return ability is None or trace.abilities[ability]
    wanted = [e for e in wanted if can_be_had(e)]
    seen, there = sorted(map(short, seen)), sorted(map(short, wanted))
    assert {'too many': without(seen, there), 'missing': without(there, seen)} == {
        'too many': [], 'missing': []}
    assert len(wanted) < len(everything) or name in ('nothing', 'tcp and udp', 'in and out', 'all cgroups')


@pytest.mark.case('filters', 'what is filtered out takes no room in the buffer')
def test_what_is_filtered_out_costs_no_buffer(tracer):
    """Filters are decided in the kernel: a full buffer loses nothing that nobody wanted."""
    trace = tracer('-p', '1', '--buffer', '4096')
    trace.process.send_signal(signal.SIGSTOP)
    make_connections(300)
    trace.process.send_signal(signal.SIGCONT)
    trace.stop()
    assert trace.summary['lost'] == {}
