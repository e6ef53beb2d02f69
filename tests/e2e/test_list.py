"""connsnoop list: held against ss, against trace --existing, and against what the test has made."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from sockets import (IN_VM, START_TIMEOUT, TIMEOUT, Cgroup, Namespace, Pair, Process, cgroup2_root, check_errno,
                     cookie, do_close, do_connect, do_listen, held, libc, listen_on, port_of, receive_all,
                     set_comm, tcp_socket, udp_socket, wait_until)
from test_existing import FILTERS, AllStates, Incoming, Scene, as_event, check, do_leave_time_wait, mounted, scanned, ss_line, wire  # noqa: F401, E501
from test_mptcp import Connection, mptcp  # noqa: F401
from tracing import BINARY, check_event, parse_line
from wire import ACK, FIN, HERE

COMPLETE = pytest.mark.case('list', 'all that ss lists, as ss has it')
STATES = pytest.mark.case('list', 'sockets of every state')
OWNERS = pytest.mark.case('list', 'all processes that hold a socket')
CHOICE = pytest.mark.case('list', 'filters and states')
BUSY = pytest.mark.case('list', 'a socket that is open throughout is never missed')
WATCH = pytest.mark.case('list', 'what is new and what is gone')
CLONE_NEWNET = 0x40000000


def run_list(*args, wrap=()):
    return subprocess.run([*wrap, BINARY, 'list', *args], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=START_TIMEOUT)


def listing(*args, wrap=(), busy=False):
    """The events of one `list -j`, each held against the contract, no socket twice.

    Of a connection that ends meanwhile the kernel before 5.14 may show twice what is left.
    """
    done = run_list('-j', *args, wrap=wrap)
    assert done.returncode == 0, done.stderr.decode()
    events = [parse_line(line) for line in done.stdout.splitlines()]
    for event in events:
        check_event(event)
        assert event['event'] == 'existing'
    counts = Counter((e['id'], e['proto']) for e in events if not (busy and e['state'] in ('TIME-WAIT', 'SYN-RECV')))
    assert not [key for key, n in counts.items() if n > 1]
    return events


def by_id(events):
    return {event['id']: event for event in events}


def text(*args):
    """The lines of one list in text, without the header, as words."""
    done = run_list('--no-header', *args)
    assert done.returncode == 0, done.stderr.decode()
    return [line.split() for line in done.stdout.decode().splitlines()]


# --- against ss ---------------------------------------------------------------------------------

def ss_lines(ns, options):
    """{id: line}"""
    with ns:
        out = subprocess.run(['ss', *options.split()], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    lines = out.stdout.decode().splitlines()
    return {int(re.search(r'\bsk:([0-9a-f]+)', line).group(1), 16): line for line in lines}


def ss(ns):
    """{id: (proto, state, local, remote, receive queue, send queue, pids)} of a namespace."""
    sockets = {}
    for number, line in ss_lines(ns, '-tuanpHeO').items():
        proto, state, received, sent, local, remote = line.split()[:6]
        pids = frozenset(map(int, re.findall(r'\bpid=(\d+)', line)))
        sockets[number] = *as_event((proto, state, local, remote)), int(received), int(sent), pids
    return sockets


def queues(event):
    if 'backlog' in event:
        return event['accept_queue'], event['backlog']
    return event.get('rx_queue_bytes', 0), event.get('tx_queue_bytes', 0)


def holders(event):
    """The pids of those that hold it; a listener's child is held by nobody as yet."""
    if event['attr'] != 'scan':
        return frozenset()
    return frozenset([event['pid'], *(owner['pid'] for owner in event.get('owners', []))])


def as_ss(event):
    return *ss_line(event), *queues(event), holders(event)


def check_against_ss(ns, events, ids=None):
    """The sockets of that namespace are those of ss, or these of them, and ss says the same of each."""
    wanted = {i: line for i, line in ss(ns).items() if ids is None or i in ids}
    assert {e['id']: as_ss(e) for e in events if e['netns'] == ns.inode} == wanted
    return wanted


class Held(AllStates):
    """Besides: queues that are not empty, a peer that closes at the same time."""

    def __init__(self, wire):
        super().__init__(wire)
        with wire.ns:
            self.closing(wire)
            self.queues()
            self.pairs.append(Pair('::1'))
            self.pairs.append(Pair('::', '127.0.0.1'))

    def closing(self, wire):
        incoming = Incoming(wire, self.listener, 4010).open()
        # first in the queue is the one that AllStates has left there
        others = [self.listener.accept()[0] for _ in range(2)]
        sock, = (s for s in others if s.getpeername()[1] == 4010)
        self.keep += others
        sock.shutdown(socket.SHUT_WR)
        wire.receive(FIN | ACK)
        wire.send(incoming.ends, FIN | ACK, 1001, incoming.answer.next)
        wire.receive(ACK)
        self.ids['CLOSING'] = cookie(sock)
        Incoming(wire, self.listener, 4011).open()  # for the accept queue
        wait_until(lambda: ss(wire.ns)[self.ids['LISTEN']][4] == 1, 'accept queue')

    def queues(self):
        pair = Pair()
        self.pairs.append(pair)
        pair.client.sendall(b'x' * 1234)
        pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full = Pair()
        self.pairs.append(full)
        full.client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                full.client.send(b'x' * 65536)
        self.ids['unread'], self.ids['unsent'] = pair.server_id, full.client_id
        datagrams = udp_socket(port=0)
        self.keep.append(datagrams)
        self.ids['datagrams'] = cookie(datagrams)
        with udp_socket() as sender:
            sender.sendto(b'x' * 100, datagrams.getsockname())


@pytest.fixture
def states(wire):  # noqa: F811
    with contextlib.closing(Held(wire)) as made:
        made.ns, made.wire = wire.ns, wire
        yield made


def settled(ns):
    """Wait until nothing is under way between the sockets of a namespace."""
    seen = [None]

    def same():
        before, seen[0] = seen[0], ss(ns)
        return before == seen[0]
    wait_until(same, 'quiet sockets')


@COMPLETE
@STATES
def test_as_ss_has_them(states):
    """Every state, spelled as ss does, with queues and processes; and nothing else."""
    settled(states.ns)
    wanted = check_against_ss(states.ns, listing('-a'))
    assert {line[1] for line in wanted.values()} == {
        'LISTEN', 'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'CLOSE-WAIT',
        'LAST-ACK', 'CLOSING', 'UNCONN'}
    ids = states.ids
    assert wanted[ids['LISTEN']][4:6] == (1, 16)
    assert wanted[ids['unread']][4] == 1234 and wanted[ids['unsent']][5] > 65536
    assert wanted[ids['datagrams']][4] >= 100


@COMPLETE
def test_the_whole_machine(netns):
    """All namespaces in one: what ss lists in this one is there besides."""
    with netns:
        kept = [Pair(), Pair('::1')]
    home = SimpleNamespace(inode=os.stat('/proc/self/ns/net').st_ino)
    with Process(netns=netns), Pair() as pair, udp_socket(port=0) as udp:
        cookie(udp)
        events = by_id(listing('-a'))
        for one in pair.client_id, pair.server_id, pair.listener_id, cookie(udp):
            check(events[one], {'netns': home.inode, 'pid': os.getpid()})
        for one in kept:
            check(events[one.client_id], {'netns': netns.inode, 'pid': os.getpid()})
    for one in kept:
        one.__exit__()


@COMPLETE
def test_two_namespaces(netns):
    """The same tuples in both, and each as its own ss has them."""
    other = Namespace()
    with Process(b'e2e-here', netns=netns) as here, Process(b'e2e-there', netns=other) as there:
        for process in here, there:
            process.call(do_listen, '127.0.0.1', 8080)
            process.call(do_connect, '127.0.0.1', 8080, 40001)
            process.call(do_leave_time_wait, 8081)
        ss(netns), ss(other)  # now every socket has its cookie
        events = listing('-a')
        assert len(check_against_ss(netns, events)) == len(check_against_ss(other, events)) == 4
        for event in events:
            if event['netns'] in (netns.inode, other.inode) and event['attr'] == 'scan':
                assert event['comm'] == ('e2e-here' if event['netns'] == netns.inode else 'e2e-there')
    other.close()


@COMPLETE
def test_namespace_that_is_only_mounted(mounted):  # noqa: F811
    with Process(b'e2e-visitor', netns=mounted) as visitor:
        left = visitor.call(do_leave_time_wait, 8080)
    check(by_id(listing('-a'))[left], {'netns': mounted.inode, 'state': 'TIME-WAIT', 'attr': 'none'})


@COMPLETE
@pytest.mark.parametrize('options', [[], ['-p', str(os.getpid())]], ids=['all', 'by pid'])
def test_namespace_without_a_process(netns, options):
    """Its table cannot be looked at: what processes hold is told from their files."""
    with netns:
        pair, udp = Pair(), udp_socket(port=5353)
    with udp:
        cookie(udp)
        events = by_id(listing('-a', *options))
        for number, state in ((pair.client_id, 'ESTAB'), (pair.server_id, 'ESTAB'), (pair.listener_id, 'LISTEN'),
                              (cookie(udp), 'UNCONN')):
            check(events[number], {'netns': netns.inode, 'pid': os.getpid(), 'state': state, 'attr': 'scan'})
    pair.__exit__()


@COMPLETE
@OWNERS
def test_mptcp(mptcp):  # noqa: F811
    """One connection with the id of the process's socket, and with the process."""
    with mptcp:
        connection = Connection()
    connection.exchange(b'x' * 1000, b'y' * 10)
    with Process(netns=mptcp):
        events = listing('-a', '--netns', mptcp.path)
    assert len(events) == 3
    for number, direction in zip(connection.ids, ('out', 'in')):
        check(by_id(events)[number], {'mptcp': True, 'direction': direction, 'state': 'ESTAB', 'attr': 'scan',
                                      'pid': os.getpid()})
    listener, = (e for e in events if e['state'] == 'LISTEN')
    check(listener, {'mptcp': True, 'lport': connection.port, 'attr': 'scan', 'pid': os.getpid()})
    connection.close()


# --- against trace --existing -------------------------------------------------------------------

def without(event, *names):
    return {name: value for name, value in event.items() if name not in names}


@COMPLETE
def test_lines_of_existing(states, tracer):
    """The same lines, but for the time, and for `owners`, which only list has."""
    settled(states.ns)
    before = lines_by_id(listing('-a', '--netns', states.ns.path))
    trace = scanned(tracer, '--existing', '--netns', states.ns.path).stop()
    told = lines_by_id(trace.find(event='existing'))
    after = lines_by_id(listing('-a', '--netns', states.ns.path))
    assert told.keys() == before.keys() == after.keys()
    unmoved = {i for i in told if before[i] == after[i]}  # the others count what they send again
    assert {i: told[i] for i in unmoved} == {i: before[i] for i in unmoved}
    assert len(unmoved) > len(told) / 2
    assert {name: states.ids[name] for name in ('LISTEN', 'TIME-WAIT', 'ESTAB', 'UNCONN', 'unread')
            if states.ids[name] not in unmoved} == {}


def lines_by_id(events):
    """As text, so that the order of the keys counts."""
    return {e['id']: json.dumps(without(e, 'ts', 'owners')) for e in events}


# --- who holds it -------------------------------------------------------------------------------

@OWNERS
def test_shared_by_fork(netns):
    with netns:
        pair, udp = Pair(), udp_socket(port=0)
    kept = [pair.client, pair.listener, udp]
    with udp, Process(b'e2e-second', keep=kept) as second, Process(b'e2e-third', netns=netns, keep=kept) as third:
        ss(netns)
        events = listing('-a')
        check_against_ss(netns, events)
        for sock in kept:
            event = by_id(events)[cookie(sock)]
            assert holders(event) == {os.getpid(), second.pid, third.pid}
            assert {(o['pid'], o['comm']) for o in event['owners']} >= {
                (second.pid, 'e2e-second'), (third.pid, 'e2e-third')}
        assert 'owners' not in by_id(events)[pair.server_id]
        line, = text('-a', '-n', '--columns', 'pid,process', '-u', '--netns', netns.path)
        assert set(line[1].split(',')) == {f'{o["pid"]}/{o["comm"].replace(" ", chr(92) + "x20")}'
                                           for o in by_id(events)[cookie(udp)]['owners']}
    pair.__exit__()


@OWNERS
def test_dup_is_no_second_holder(netns):
    with netns, Process(netns=netns), Pair() as pair, pair.client.dup() as _:
        event = by_id(listing('--netns', netns.path))[pair.client_id]
    check(event, {'pid': os.getpid(), 'owners': None})


@OWNERS
def test_threads_are_no_holders(netns):
    """A thread's files are its process's."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with netns, Process(netns=netns), Pair() as pair:
            event = by_id(listing('--netns', netns.path))[pair.client_id]
    finally:
        done.set()
        thread.join()
    check(event, {'pid': os.getpid(), 'owners': None})


def do_take_descriptor():
    _, (fd,), _, _ = socket.recv_fds(held['unix'], 1, 1)
    held['taken'] = socket.socket(fileno=fd)


def do_hold_unix(fd):
    held['unix'] = socket.socket(fileno=fd)


@OWNERS
@pytest.mark.parametrize('kept', [True, False], ids=['shared', 'handed over'])
def test_passed_in_a_message(netns, kept):
    """While it is in flight nobody may hold it; it is there all the same."""
    with netns:
        pair = Pair()
    number = pair.client_id
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with Process(b'e2e-taker', netns=netns, keep=[theirs]) as taker:
        taker.call(do_hold_unix, theirs.fileno())
        socket.send_fds(ours, [b'x'], [pair.client.fileno()])
        if not kept:
            pair.client.close()
        in_flight = by_id(listing('--netns', netns.path))[number]
        check(in_flight, {'state': 'ESTAB', 'rport': pair.port, 'attr': 'scan' if kept else 'none',
                          'pid': os.getpid() if kept else None, 'owners': None})
        if kept:
            check_against_ss(netns, listing('-a'))
        taker.call(do_take_descriptor)
        wanted = {taker.pid, os.getpid()} if kept else {taker.pid}
        assert holders(by_id(listing('--netns', netns.path))[number]) == wanted
        check_against_ss(netns, listing('-a'))
    ours.close()
    theirs.close()
    pair.__exit__()


@OWNERS
def test_never_accepted(netns):
    """The listener's process owns it, and the accept queue counts it."""
    with Process(b'e2e-server', netns=netns) as server:
        number, port = server.call(do_listen, '127.0.0.1')
        with netns:
            clients = [tcp_socket() for _ in range(3)]
            for client in clients:
                client.connect(('127.0.0.1', port))
        events = listing('-a', '--netns', netns.path)
        check(by_id(events)[number], {'accept_queue': 3, 'backlog': 16, 'pid': server.pid})
        waiting = [e for e in events if e.get('attr') == 'listener']
        assert {e['rport'] for e in waiting} == {port_of(c) for c in clients}
        for event in waiting:
            check(event, {'pid': server.pid, 'comm': 'e2e-server', 'direction': 'in', 'state': 'ESTAB', 'lport': port})
    for client in clients:
        client.close()


def do_listen_too(*addresses):
    for number, address in enumerate(addresses):
        held['too', number] = sock = tcp_socket(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, 8080))
        sock.listen(16)


@OWNERS
@pytest.mark.parametrize('several', [True, False], ids=['of two processes', 'of one'])
def test_never_accepted_of_two_listeners(netns, several):
    """Nobody owns what may wait for either process."""
    with Process(netns=netns) as one, Process(netns=netns) as other:
        one.call(do_listen_too, '127.0.0.1', '127.0.0.1', '::1')
        if several:
            other.call(do_listen_too, '127.0.0.1')
        with netns:
            clients = [tcp_socket() for _ in range(4)]
            for client in clients:
                client.connect(('127.0.0.1', 8080))
        waiting = [e for e in listing('--netns', netns.path) if e['lport'] == 8080]
        assert len(waiting) == len(clients)
        for event in waiting:
            check(event, {'attr': 'none' if several else 'listener', 'pid': None if several else one.pid})
    for client in clients:
        client.close()


@OWNERS
def test_many_holders(netns):
    """More than are written at once."""
    with netns:
        udp = udp_socket(port=0)
    cookie(udp)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(Process(netns=netns, keep=[udp])) for _ in range(40)]
        event = by_id(listing('-u', '-a'))[cookie(udp)]
        assert holders(event) == {os.getpid(), *(p.pid for p in others)}
    udp.close()


@OWNERS
def test_wanted_holder_alone(netns):
    """A filter by process wants the sockets that such a process holds, and tells them as its own."""
    with netns, Pair() as pair, Process(b'e2e-second', netns=netns, keep=[pair.client]) as second:
        events = by_id(listing('-c', 'e2e-second'))
        check(events[pair.client_id], {'pid': second.pid, 'comm': 'e2e-second'})
        assert set(events) == {pair.client_id}


@OWNERS
def test_hostile_name(netns):
    with Process(netns=netns) as process:
        process.call(set_comm, b'a\n\x1b[m,"\\\xff')
        process.call(do_listen, '127.0.0.1')
        event, = listing('-l', '--netns', netns.path)
        assert event['comm'].startswith('a\n\x1b[m,"\\')
        out = run_list('-l', '--netns', netns.path, '--no-header').stdout
    assert out.count(b'\n') == 1 and b'\x1b' not in out and b'a\\x0a\\x1b[m,"\\\\\\xff' in out


# --- which --------------------------------------------------------------------------------------

@CHOICE
@pytest.mark.parametrize('name', FILTERS)
def test_filter(netns, name):
    options, wanted = FILTERS[name]
    with contextlib.ExitStack() as stack:
        scene = Scene(stack, netns)
        names = {number: name for name, number in scene.sockets.items()}
        options = options(scene) if callable(options) else options
        events = listing('-a', '--netns', netns.path, *options)
    assert {names.get(e['id']) for e in events} == wanted


@CHOICE
def test_filters_of_owners_and_ports(netns):
    """By user, by cgroup, by class of the server's port, by what is excluded."""
    cgroup = Cgroup(f'connsnoop-e2e-list-{os.getpid()}') if cgroup2_root() else None
    with contextlib.ExitStack() as stack:
        if cgroup:
            stack.callback(cgroup.close)
        root = stack.enter_context(Process(b'e2e-root', netns=netns))
        user = stack.enter_context(Process(b'e2e-user', netns=netns, uid=12345, cgroup=cgroup))
        listener, port = root.call(do_listen, '127.0.0.1', 999)
        high, high_port = user.call(do_listen, '127.0.0.1', 50505)
        client, _ = user.call(do_connect, '127.0.0.1', 999)
        waiting = {e['id'] for e in listing('--netns', netns.path, '--in')}
        assert len(waiting) == 1

        def chosen(*options):
            return set(by_id(listing('-a', '--netns', netns.path, *options)))
        assert chosen('--user', '12345') == {high, client}
        assert chosen('--user', 'root', '--class', 'well-known') >= {listener}
        assert chosen('--class', 'private') == {high}
        assert chosen('--class', 'well-known') == {listener, client} | waiting
        assert chosen('-A', '!127.0.0.0/8', '-t') == chosen('-A', '10.0.0.0/8')
        assert chosen('-P', '50505') == {high}
        assert chosen('--out') == {client}
        if cgroup:
            assert chosen('--cgroup', cgroup.relative) == {high, client}
            assert {e['cgroup'] for e in listing('-l', '-c', 'e2e-user')} == {cgroup.relative}


SS_OPTIONS = {'default': ([], '-tunHe'), '-l': (['-l'], '-tunlHe'), '-a': (['-a'], '-tuanHe'),
              '-t': (['-t', '-a'], '-tanHe'), '-u': (['-u', '-a'], '-uanHe'),
              **{state: (['--state', state], f'-tunHe state {state}') for state in (
                  'listening', 'syn-sent', 'syn-recv', 'fin-wait-1', 'fin-wait-2', 'time-wait', 'close-wait',
                  'last-ack', 'closing', 'established')},
              'unconn': (['--state', 'UNCONN'], '-tunHe state unconnected'),
              'two': (['--state', 'Listen,time-wait'], '-tunHe state listening state time-wait')}


@CHOICE
@STATES
def test_states_as_ss_chooses_them(states):
    settled(states.ns)
    for name, (options, wanted) in SS_OPTIONS.items():
        ids = ss_lines(states.ns, wanted)
        assert ids, name
        check_against_ss(states.ns, listing('--netns', states.ns.path, *options), ids)


@CHOICE
def test_text_columns(netns):
    with netns, Process(b'e2e-inside', netns=netns), Pair() as pair, udp_socket(port=53) as udp:
        pair.client.sendall(b'x' * 10)
        receive_all(pair.server, 3)
        wait_until(lambda: ss(netns)[pair.client_id][5] == 0, 'acknowledgement')
        cookie(udp)
        out = run_list('-a', '-n', '--netns', netns.path).stdout.decode().splitlines()
        names = text('-a', '--netns', netns.path, '--columns', 'proto,service,user,remote')
        numeric = text('-a', '--netns', netns.path, '-n', '--columns', 'proto,service,user,remote')
    with open('/proc/self/comm') as f:
        mine = f'{os.getpid()}/{f.read().rstrip()}'
    client, server = f'127.0.0.1:{pair.client_port}', f'127.0.0.1:{pair.port}'
    assert out[0].split() == 'PROTO STATE RECVQ SENDQ LOCAL <> REMOTE SERVICE USER PROCESS'.split()
    lines = [line.split() for line in out[1:]]
    assert sorted(line[:7] for line in lines) == sorted([
        ['tcp', 'ESTAB', '0', '0', client, '->', server], ['tcp', 'ESTAB', '7', '0', server, '<-', client],
        ['tcp', 'LISTEN', '0', '16', server, '-', '-'], ['udp', 'UNCONN', '0', '0', '127.0.0.1:53', '-', '-']])
    assert all(line[8:] == ['0', mine] for line in lines)
    assert ['udp', 'domain', 'root', '-'] in names and ['udp', 'well-known', '0', '-'] in numeric
    assert {line[3] for line in numeric} == {'-', client, server}
    assert {line[3].rpartition(':')[2] for line in names} == {'-', str(pair.client_port), str(pair.port)}


def name_of(*labels):
    """A name as DNS has it on the wire."""
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


class NameServer:
    """It knows the names of these addresses, and of all others that there is none."""

    PTR, INTERNET = b'\0\x0c', b'\0\1'

    def __init__(self, address, names=None):
        self.names = {name_of(*reversed(a.encode().split(b'.')), b'in-addr', b'arpa'): name
                      for a, name in (names or {}).items()}
        self.sock, self.asked = udp_socket(address, 53), 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def answer(self, query):
        question = query[12:query.index(b'\0', 12) + 5]
        name = self.names.get(question[:-4])
        if not name:
            return query[:2] + b'\x81\x83' + query[4:]
        record = b'\xc0\x0c' + self.PTR + self.INTERNET + b'\0\0\0\x3c' + len(name).to_bytes(2, 'big') + name
        return query[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + question + record

    def run(self):
        while True:
            query, who = self.sock.recvfrom(4096)
            if not query:
                return
            self.asked += 1
            self.sock.sendto(self.answer(query), who)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with udp_socket() as sock:
            sock.sendto(b'', self.sock.getsockname())
        self.thread.join()
        self.sock.close()


@pytest.fixture
def asking(tmp_path):
    """Before a command: it asks the name server on loopback, whatever the machine does."""
    (tmp_path / 'resolv.conf').write_text('nameserver 127.0.0.1\n')
    return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(tmp_path / 'resolv.conf')]


@CHOICE
def test_own_questions_are_not_listed(netns, asking):
    with netns, Process(netns=netns), NameServer('127.0.0.1') as server, Pair('127.0.0.77') as pair:
        done = run_list('--netns', netns.path, '--columns', 'lport,rport,rname', '--no-header', wrap=asking)
        assert done.returncode == 0 and server.asked
    ends = [str(pair.client_port), str(pair.port)]
    assert sorted(line.split()[:2] for line in done.stdout.decode().splitlines()) == sorted([ends, ends[::-1]])


@CHOICE
def test_names_of_hosts(netns, asking):
    """Those that the name server gives, made harmless; asked for by text alone, and not with -n."""
    names = {'127.0.0.88': name_of(b'shop', b'example'), '127.0.0.89': name_of(b'a\x1b[31m\nb', b'example')}
    addresses = [*names, '127.0.0.90']
    with netns, Process(netns=netns), NameServer('127.0.0.1', names) as server, contextlib.ExitStack() as pairs:
        ports = {pairs.enter_context(Pair(a)).port: a for a in addresses}
        for options in (['-n'], ['-j'], ['-s']):
            assert run_list('--netns', netns.path, *options, wrap=asking).returncode == 0
        assert not server.asked
        done = run_list('--netns', netns.path, '--out', '--columns', 'rport,remote', '--no-header', wrap=asking)
    assert done.returncode == 0 and b'\x1b' not in done.stdout
    lines = dict(line.split() for line in done.stdout.decode().splitlines())
    told = {a: lines[str(port)].rpartition(':')[0] for port, a in ports.items()}
    assert told['127.0.0.88'] == 'shop.example' and told['127.0.0.90'] == '127.0.0.90'
    assert told['127.0.0.89'].startswith('a\\') or told['127.0.0.89'] == '127.0.0.89', told


# --- order and sums -----------------------------------------------------------------------------

@CHOICE
def test_sort(states):
    settled(states.ns)
    options = ['-a', '--netns', states.ns.path]
    everything = listing(*options)

    def order(fields, *names):
        events = listing(*options, '--sort', fields)
        assert sorted(e['id'] for e in events) == sorted(e['id'] for e in everything)
        return [tuple(e.get(name) for name in names) for e in events]
    ports = [e['lport'] for e in everything]
    assert [p for p, in order('lport', 'lport')] == sorted(ports)
    assert [p for p, in order('-lport', 'lport')] == sorted(ports, reverse=True)
    both = order('state,-lport', 'state', 'lport')
    assert both == sorted(both, key=lambda pair: (pair[0], -pair[1]))
    far = [p for p, in order('rport', 'rport')]
    count = sum(p is not None for p in far)
    assert far[:count] == sorted(far[:count]) and set(far[count:]) == {None}
    far = [p for p, in order('-rport', 'rport')]
    assert far[:count] == sorted(far[:count], reverse=True) and set(far[count:]) == {None}
    largest = order('-tx_queue_bytes', 'id', 'tx_queue_bytes')
    assert largest[0][0] == states.ids['unsent']
    addresses = [(a, i) for a, i in order('laddr', 'laddr', 'ipv')]
    packed = [(i, socket.inet_pton(socket.AF_INET if i == 4 else socket.AF_INET6, a)) for a, i in addresses]
    assert packed == sorted(packed)
    assert [int(line[0]) for line in text(*options, '-n', '--sort', '-lport', '--columns', 'lport')] == sorted(
        ports, reverse=True)


@CHOICE
def test_summary(states):
    settled(states.ns)
    options = ['--netns', states.ns.path]
    events = listing('-a', *options)
    done = run_list('-s', '-j', *options)
    assert done.returncode == 0
    sums = parse_line(done.stdout)
    assert list(sums) == ['sockets', 'proto', 'state', 'class', 'process']
    assert sums['sockets'] == len(events)
    for name, key in ('proto', 'proto'), ('state', 'state'), ('process', 'comm'):
        assert sums[name] == Counter(e[key] for e in events if key in e), name
    assert sums['class'] == Counter(
        e['rclass' if e.get('direction') == 'out' else 'lclass'] for e in events
        if 'direction' in e or 'raddr' not in e)
    counts = list(sums['state'].values())
    assert counts == sorted(counts, reverse=True)
    words = run_list('-s', *options).stdout.decode()
    assert words.splitlines()[0].split() == ['sockets', str(len(events))]
    for name in 'proto', 'state', 'class', 'process':
        part = words.split(f'\n{name.upper()} ')[1].split('\n\n')[0].splitlines()[1:]
        assert {' '.join(line.split()[:-1]): int(line.split()[-1]) for line in part} == {
            re.sub(' ', r'\\x20', word): count for word, count in sums[name].items()}
    listening = parse_line(run_list('-s', '-j', '-l', *options).stdout)
    assert set(listening['state']) == {'LISTEN', 'UNCONN'}


# --- again --------------------------------------------------------------------------------------

class Watch:
    """A running `list -w`."""

    def __init__(self, *args):
        self.file = tempfile.TemporaryFile()
        self.process = subprocess.Popen([BINARY, 'list', '-w', '0.05', *args], stdin=subprocess.DEVNULL,
                                        stdout=self.file, stderr=subprocess.DEVNULL)

    def lines(self):
        data = os.pread(self.file.fileno(), 1 << 28, 0)
        return data[:data.rfind(b'\n') + 1].decode().splitlines()

    def events(self):
        return [parse_line(line.encode()) for line in self.lines()]

    def wait_for(self, **fields):
        found = []

        def there():
            assert self.process.poll() is None
            found[:] = [e for e in self.events() if all(e.get(k) == v for k, v in fields.items())]
            return found
        wait_until(there, fields, START_TIMEOUT)
        return found[0]

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        assert self.process.wait(TIMEOUT) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@WATCH
@pytest.mark.parametrize('sort', [[], ['--sort', 'lport']], ids=['as they come', 'sorted'])
def test_new_and_gone(netns, sort):
    with Process(b'e2e-inside', netns=netns) as inside, Watch('-a', '-j', '--netns', netns.path, *sort) as watch:
        with netns:
            old = listen_on(port=8080)
        with old:
            watch.wait_for(id=cookie(old))
            number, _ = inside.call(do_listen, '127.0.0.1', 8081)
            new = watch.wait_for(id=number, change='new')
            check_event(new)
            check(new, {'pid': inside.pid, 'lport': 8081, 'state': 'LISTEN'})
            inside.call(do_close, 'listener')
            gone = watch.wait_for(id=number, change='gone')
            check_event(gone)
            assert without(gone, 'ts', 'change') == without(new, 'ts', 'change')
            watch.stop()
        events = watch.events()
    assert [e['change'] for e in events if e['id'] == number and 'change' in e] == ['new', 'gone']
    looks = sum(e['id'] == cookie_of(events, 8080) for e in events)
    assert looks >= 3
    assert sum('change' in e for e in events if e['lport'] == 8080) <= 1


def cookie_of(events, port):
    return next(e['id'] for e in events if e['lport'] == port)


@WATCH
def test_nothing_is_new_at_first(netns):
    with netns, Process(netns=netns), Pair(), Watch('-a', '-j', '--netns', netns.path) as watch:
        wait_until(lambda: len(watch.lines()) >= 9, 'three looks', START_TIMEOUT)
        watch.stop(signal.SIGTERM)
        events = watch.events()
    assert not [e for e in events if 'change' in e]


@WATCH
def test_connection_that_ends_in_time_wait(netns):
    """What is left of a connection has its id: it is not new, it has another state."""
    with netns, Process(netns=netns), Watch('-a', '-j', '--netns', netns.path) as watch:
        pair = Pair()
        watch.wait_for(id=pair.client_id, state='ESTAB')
        pair.close()
        check(watch.wait_for(id=pair.client_id, state='TIME-WAIT'), {'change': None})
        watch.stop()


@WATCH
def test_watch_in_text(netns):
    with netns, Process(netns=netns), Watch('-l', '-n', '--netns', netns.path) as watch:
        with listen_on(port=8080):
            wait_until(lambda: any(':8080' in line for line in watch.lines()), 'listener', START_TIMEOUT)
        wait_until(lambda: any(line.startswith('gone') for line in watch.lines()), 'gone', START_TIMEOUT)
        watch.stop()
        out = watch.lines()
    assert out[0].split()[:2] == ['CHANGE', 'PROTO']
    headers = [i for i, line in enumerate(out) if line.startswith('CHANGE')]
    assert len(headers) > 1 and all(out[i - 1] == '' for i in headers[1:])


# --- while sockets come and go ------------------------------------------------------------------

class Churn:
    """Connections that come and go in a namespace, as fast as one thread can."""

    def __init__(self, ns):
        self.done, self.rounds = threading.Event(), 0
        self.thread = threading.Thread(target=self.run, args=[ns])
        self.thread.start()

    def run(self, ns):
        check_errno(libc.setns(ns.fd, CLONE_NEWNET))
        kept = []
        while not self.done.is_set():
            pair = Pair()
            kept.append(pair)
            if len(kept) > 20:
                kept.pop(0).close()
            self.rounds += 1
        for pair in kept:
            pair.__exit__()

    def __enter__(self):
        wait_until(lambda: self.rounds > 50, 'churn')
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


@BUSY
def test_while_sockets_come_and_go(netns):
    with netns:
        pairs = [Pair() for _ in range(100)]
        datagrams = [udp_socket(port=0) for _ in range(50)]
    ids = {i for p in pairs for i in (p.client_id, p.server_id, p.listener_id)} | set(map(cookie, datagrams))
    with Process(netns=netns), Churn(netns) as churn:
        for _ in range(3 if IN_VM else 15):
            before = churn.rounds
            events = by_id(listing('-a', '--netns', netns.path, busy=True))
            assert not ids - events.keys()
            assert {events[i].get('pid') for i in ids} == {os.getpid()}
            wait_until(lambda: churn.rounds > before, 'churn')
    for pair in pairs:
        pair.__exit__()
    for sock in datagrams:
        sock.close()


@BUSY
def test_while_processes_come_and_go(netns):
    """Holders that end and begin while it looks, and descriptors that move."""
    with netns:
        pair = Pair()
    done = threading.Event()

    def fork():
        while not done.is_set():
            subprocess.run(['true'], pass_fds=[pair.client.fileno()], check=True)
    thread = threading.Thread(target=fork)
    thread.start()
    try:
        with Process(netns=netns):
            for _ in range(3 if IN_VM else 10):
                event = by_id(listing('--netns', netns.path))[pair.client_id]
                assert os.getpid() in holders(event)
    finally:
        done.set()
        thread.join()
    pair.__exit__()


# --- usage --------------------------------------------------------------------------------------

@pytest.mark.parametrize('args', [
    ['-l', '-a'], ['-a', '--state', 'estab'], ['--state', 'open'], ['--state', ''], ['--sort', 'age'],
    ['--sort', 'lport,,'], ['--sort', 'handshake_us'], ['-s', '-w', '1'], ['-s', '--sort', 'lport'],
    ['-s', '--columns', 'pid'], ['-w', '0'], ['-w', 'soon'], ['-e', 'close'], ['--existing'], ['extra'],
    ['--', 'true'], ['-p', '0'], ['--columns', 'nonsense'], ['--netns', '/nowhere'], ['--backend', 'kprobe'],
], ids=' '.join)
def test_wrong_usage(args):
    done = run_list(*args)
    assert (done.returncode, done.stdout) == (2, b'')
    message = done.stderr.decode()
    assert message.startswith('connsnoop: ') and len(message.splitlines()) == 1


@pytest.mark.parametrize('command', [['list'], ['ports'], ['ports', '-d', '1'], ['ports', '--csv']], ids=' '.join)
def test_no_such_cgroup(command):
    """One sentence, and no header: an answer would begin so."""
    done = subprocess.run([BINARY, *command, '--cgroup', '/nowhere'], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=START_TIMEOUT)
    assert (done.returncode, done.stdout) == (1, b'')
    message = done.stderr.decode()
    assert '/nowhere' in message and len(message.splitlines()) == 1


def test_help():
    done = run_list('--help')
    assert (done.returncode, done.stderr) == (0, b'')
    words = done.stdout.decode()
    for option in '--listening --all --state --sort --summary --watch --json --netns --pid'.split():
        assert option in words, option
    assert '--existing' not in words


def test_not_privileged(netns):
    """By netlink and /proc: the sockets are there, without the processes of others."""
    with netns, Process(netns=netns), Pair() as pair:
        events = by_id(listing('-a', wrap=['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all']))
    check(events[pair.client_id], {'state': 'ESTAB', 'rport': pair.port, 'pid': None})


@pytest.mark.parametrize('wrap, about', [
    (['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all'], 'without their owner'),
    (['prlimit', '--nofile=20'], 'by netlink'),  # fewer than there are maps
], ids=['no privileges', 'no iterators'])
def test_what_cannot_be_had_is_said_once(netns, wrap, about):
    """Not at each look of a watch."""
    with netns, Process(netns=netns), Pair():
        process = subprocess.Popen([*wrap, BINARY, 'list', '-n', '-t', '-l', '-w', '0.01'],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            looks = 0
            while looks < 3:
                line = process.stdout.readline()
                assert line
                looks += line.startswith(b'CHANGE')
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=TIMEOUT)[1].decode().splitlines()
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert any(about in line for line in said) and len(said) == len(set(said)), said


def test_full_disk_and_reader_that_goes_away(netns):
    with netns, Process(netns=netns), Pair():
        done = run_list('-a', '--netns', netns.path, '-o', '/dev/full')
        assert done.returncode == 1 and b'/dev/full' in done.stderr
        process = subprocess.Popen([BINARY, 'list', '-a', '-w', '0.01', '--netns', netns.path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(START_TIMEOUT) == 0
        process.stderr.close()


def test_output_file(netns, tmp_path):
    with netns, Process(netns=netns), Pair() as pair:
        done = run_list('-j', '-a', '--netns', netns.path, '-o', str(tmp_path / 'out'))
        assert (done.returncode, done.stdout) == (0, b'')
        events = [json.loads(line) for line in (tmp_path / 'out').read_text().splitlines()]
    assert set(by_id(events)) == {pair.client_id, pair.server_id, pair.listener_id}
