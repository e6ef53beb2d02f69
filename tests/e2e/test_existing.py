"""What was there before the trace: --existing, and the later events of old sockets."""
import contextlib
import os
import re
import resource
import socket
import subprocess
import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from sockets import (TIMEOUT, Namespace, Pair, Process, check_errno, cookie, do_accept, do_close,
                     do_connect, do_listen, held, libc, listen_on, parent_of, port_of, receive_all, run,
                     same_address, tcp_socket, udp_socket, wait_for_end, wait_until)
from test_mptcp import Connection, mptcp  # noqa: F401
from tracing import BINARY, MADE_UP, pick
from wire import ACK, FIN, HERE, SYN, THERE, Wire

ALL = pytest.mark.case('existing', 'TCP and UDP sockets of every namespace, with owner, state and totals')
ONCE = pytest.mark.case('existing', 'neither gap nor double')
LATER = pytest.mark.case('existing', 'later events with the right owner')
IP_BIND_ADDRESS_NO_PORT = 24


def scanned(tracer, *args, **options):
    """A trace that knows what was there before."""
    trace = tracer(*args, **options)
    trace.wait_for_scan()
    return trace


def existing(trace, **fields):
    """The one `existing` of a socket."""
    found = trace.wait_for(event='existing', **fields)
    assert len(trace.find(event='existing', **fields)) == 1, fields
    return found


def kernel():
    return tuple(map(int, os.uname().release.split('-')[0].split('.')[:2]))


def check(event, wanted):
    assert pick(event, wanted) == wanted


def ss(ns):
    """{id: (proto, state, local, remote)} of a namespace; from now on each of them has its cookie."""
    with ns:
        out = subprocess.run(['ss', '-Htuanoe'], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    sockets = {}
    for line in out.stdout.decode().splitlines():
        proto, state, _, _, local, remote = line.split()[:6]
        number = int(re.search(r'\bsk:([0-9a-f]+)', line).group(1), 16)
        assert number not in sockets
        sockets[number] = proto, state, local, remote
    return sockets


def ss_side(event, side):
    """An end of a socket as ss spells it."""
    address, port = event.get(side + 'addr'), event.get(side + 'port')
    if port is None:
        return None
    if event.get('mapped'):
        address = '::ffff:' + address
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'


def ss_line(event):
    return event['proto'], event['state'], ss_side(event, 'l'), ss_side(event, 'r')


def as_event(line):
    """What ss says, as an event should: without a remote side that is none."""
    proto, state, local, remote = line
    local = re.sub(r'%\w+', '', local).replace('*', '[::]')
    return proto, state, local, None if remote.endswith(':*') else remote


def check_against_ss(trace, ns, wanted):
    """The trace has told these sockets, each once, and no others of that namespace."""
    told = trace.find(event='existing', netns=ns.inode)
    assert len(told) == len({e['id'] for e in told})
    assert {e['id']: ss_line(e) for e in told} == {i: as_event(line) for i, line in wanted.items()}


# --- states -------------------------------------------------------------------------------------

@pytest.fixture
def wire():
    here, there = Namespace(), Namespace()
    try:
        wire = Wire(here, there)
        wire.ns = here
        with Process(b'e2e-inside', netns=here):  # by which the namespace is found
            yield wire
        wire.close()
    finally:
        here.close()
        there.close()


class Incoming:
    """A connection from the other end of the wire to a listener here."""

    def __init__(self, wire, listener, port):
        self.wire = wire
        self.ends = SimpleNamespace(sport=port_of(listener), dport=port)
        wire.send(self.ends, SYN, 1000)
        self.answer = wire.receive(SYN | ACK)

    def open(self):
        self.wire.send(self.ends, ACK, 1001, self.answer.next)
        return self

    def finish(self):
        self.wire.send(self.ends, FIN | ACK, 1001, self.answer.next)
        self.wire.receive(ACK)


class AllStates:
    """Sockets of every state in one namespace, held by this process if anybody can."""

    def __init__(self, wire):
        with wire.ns:
            self.listener = listen_on(HERE)
            self.keep = [self.listener]
            self.ids = {'LISTEN': cookie(self.listener)}
            self.syn_sent()
            self.from_wire(wire)
            self.closed_here()
            self.udp()

    def syn_sent(self):
        sock = tcp_socket()
        sock.setblocking(False)
        sock.connect_ex((THERE, 81))
        self.add('SYN-SENT', sock)

    def add(self, state, sock, hold=True):
        self.ids[state] = cookie(sock)
        if hold:
            self.keep.append(sock)

    def from_wire(self, wire):
        for port, state in (4001, 'ESTAB'), (4002, 'FIN-WAIT-1'), (4003, 'LAST-ACK'), (4004, 'CLOSE-WAIT'):
            end = Incoming(wire, self.listener, port).open()
            sock, _ = self.listener.accept()
            if state in ('LAST-ACK', 'CLOSE-WAIT'):
                end.finish()
            self.add(state, sock, state in ('ESTAB', 'CLOSE-WAIT'))
            if state in ('FIN-WAIT-1', 'LAST-ACK'):
                sock.close()
                wire.receive(FIN | ACK)
        Incoming(wire, self.listener, 4005).open()
        Incoming(wire, self.listener, 4006)

    def closed_here(self):
        self.pairs = pairs = [Pair() for _ in range(3)]
        self.ids['TIME-WAIT'] = pairs[0].client_id
        pairs[0].close()
        pairs[1].client.shutdown(socket.SHUT_WR)
        wait_for_end(pairs[1].server)
        self.ids['FIN-WAIT-2'] = pairs[1].client_id
        pairs[2].client.close()
        wait_for_end(pairs[2].server)
        self.ids['FIN-WAIT-2, orphan'] = pairs[2].client_id

    def udp(self):
        bound, connected, six = udp_socket(port=5353), udp_socket(), udp_socket('::1', 0)
        connected.connect(('127.0.0.1', 5353))
        mapped = udp_socket('::', 0)
        mapped.connect(('::ffff:127.0.0.1', 5353))
        for state, sock in ('UNCONN', bound), ('connected', connected), ('six', six), ('mapped', mapped):
            self.add(state, sock)

    def close(self):
        for sock in self.keep:
            sock.close()
        for pair in self.pairs:
            pair.__exit__()


@pytest.fixture
def states(wire):
    with contextlib.closing(AllStates(wire)) as made:
        made.ns, made.wire = wire.ns, wire
        yield made


@ALL
def test_as_ss_has_them(tracer, states):
    """All that ss lists, spelled as ss does, and nothing else."""
    wanted = ss(states.ns)
    assert {line[1] for line in wanted.values()} == {
        'LISTEN', 'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'CLOSE-WAIT',
        'LAST-ACK', 'UNCONN'}
    trace = scanned(tracer, '--existing').stop()
    check_against_ss(trace, states.ns, wanted)


@ALL
def test_owners_and_directions(tracer, states):
    ss(states.ns)
    trace = scanned(tracer, '--existing').stop()
    with open('/proc/self/comm') as f:
        comm = f.read().rstrip('\n')
    mine = {'attr': 'scan', 'pid': os.getpid(), 'tid': os.getpid(), 'ppid': parent_of(os.getpid()),
            'uid': os.getuid(), 'comm': comm, 'exe': os.readlink('/proc/self/exe'),
            'netns': states.ns.inode}
    nobody = {'attr': 'none', 'pid': None, 'comm': None, 'exe': None, 'netns': states.ns.inode}
    listener = {**mine, 'attr': 'listener'}
    for state, wanted, direction in (
            ('LISTEN', mine, None), ('ESTAB', mine, 'in'), ('CLOSE-WAIT', mine, 'in'),
            ('SYN-SENT', mine, 'out'), ('FIN-WAIT-2', mine, 'out'), ('FIN-WAIT-1', nobody, 'in'),
            ('LAST-ACK', nobody, 'in'), ('TIME-WAIT', nobody, None), ('FIN-WAIT-2, orphan', nobody, None),
            ('UNCONN', mine, None), ('connected', mine, 'out'), ('six', mine, None), ('mapped', mine, 'out')):
        event = existing(trace, id=states.ids[state])
        check(event, {**wanted, 'direction': direction})
    for port, state in (4005, 'ESTAB'), (4006, 'SYN-RECV'):
        check(existing(trace, netns=states.ns.inode, rport=port),
              {**listener, 'state': state, 'direction': 'in'})
    check(existing(trace, id=states.ids['LISTEN']), {'lorigin': 'dynamic', 'tx_bytes': None, 'raddr': None})
    check(existing(trace, id=states.ids['UNCONN']), {'lorigin': 'bound', 'tx_bytes': None, 'raddr': None})
    check(existing(trace, id=states.ids['mapped']), {'mapped': True, 'ipv': 4, 'raddr': '127.0.0.1'})
    check(existing(trace, id=states.ids['FIN-WAIT-2, orphan']), {'tx_bytes': None, 'rx_packets': None})


@ALL
@LATER
@pytest.mark.parametrize('options', [['--existing'], []], ids=['existing', 'without'])
def test_later_events_of_every_state(tracer, states, options):
    """What becomes of sockets in every state, told with their owners also if they were not."""
    trace = scanned(tracer, *options)
    ids = states.ids
    states.close()
    mine = {'attr': 'scan', 'pid': os.getpid()}
    for state, reason in ('FIN-WAIT-2', 'local'), ('SYN-SENT', None):
        if reason:
            check(trace.wait_for(event='close', id=ids[state]), {**mine, 'reason': reason})
        else:
            check(trace.wait_for(event='fail', id=ids[state]),
                  {**mine, 'error': 'ECANCELED', 'phase': 'cancelled'})
    check(trace.wait_for(event='unlisten', id=ids['LISTEN']), mine)
    check(trace.wait_for(event='close', netns=states.ns.inode, rport=4005), {'reason': 'never-accepted'})
    if trace.abilities['udp bind']:
        check(trace.wait_for(event='unlisten', id=ids['UNCONN']), mine)
    trace.stop()
    if options:
        check(trace.find(event='close', rport=4005)[-1], {'attr': 'listener', 'pid': os.getpid()})


@ALL
@LATER
def test_mptcp(tracer, mptcp):
    """One connection with the id of the process's socket, as MPTCP is told elsewhere."""
    with mptcp:
        connection = Connection()
    connection.exchange(b'x' * 1000, b'y' * 10)
    with Process(netns=mptcp):
        trace = scanned(tracer, '--existing', '--netns', mptcp.path)
    connection.close()
    # only kernels before 5.11 lead from the file of MPTCP to what is traced
    owner = {'attr': 'scan', 'pid': os.getpid()} if kernel() < (5, 11) else {'attr': 'none', 'pid': None}
    for number, direction, sent, received in zip(connection.ids, ('out', 'in'), (1000, 10), (10, 1000)):
        wanted = {**owner, 'mptcp': True, 'direction': direction, 'tx_bytes': sent, 'rx_bytes': received}
        check(existing(trace, id=number), {**wanted, 'state': 'ESTAB'})
        check(trace.wait_for(event='close', id=number), wanted)
    listener = {**owner, 'mptcp': True}
    check(existing(trace, lport=connection.port, raddr=None), {**listener, 'state': 'LISTEN'})
    check(trace.wait_for(event='unlisten', lport=connection.port), listener)
    trace.stop()
    assert len(trace.find(event='existing')) == 3


# --- namespaces ---------------------------------------------------------------------------------

@pytest.fixture
def mounted():
    """A namespace that no process is in: `ip netns`."""
    name = f'connsnoop-e2e-{os.getpid()}'
    run('ip', 'netns', 'add', name)
    try:
        fd = os.open(f'/run/netns/{name}', os.O_RDONLY)
        ns = SimpleNamespace(fd=fd, inode=os.fstat(fd).st_ino)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')
        yield ns
        os.close(fd)
    finally:
        run('ip', 'netns', 'delete', name)


def do_leave_time_wait(port):
    """Leave what no process holds: TIME-WAIT."""
    listener = listen_on(port=port)
    client = tcp_socket()
    client.connect(listener.getsockname())
    server, _ = listener.accept()
    client_id = cookie(client)
    client.close()
    wait_for_end(server)
    server.close()
    listener.close()
    return client_id


@ALL
def test_namespaces(tracer, netns, mounted):
    """Those that a process is in and those that are only mounted; the held and the abandoned."""
    with Process(b'e2e-inside', netns=netns) as inside:
        listener_id, port = inside.call(do_listen, '127.0.0.1')
        left = inside.call(do_leave_time_wait, 0)
        with Process(b'e2e-visitor', netns=mounted) as visitor:
            abandoned = visitor.call(do_leave_time_wait, 8080)
        trace = scanned(tracer, '--existing').stop()
        check(existing(trace, id=listener_id), {'netns': netns.inode, 'pid': inside.pid, 'comm': 'e2e-inside',
                                                'lport': port, 'state': 'LISTEN', 'attr': 'scan'})
    check(existing(trace, id=left), {'netns': netns.inode, 'attr': 'none', 'state': 'TIME-WAIT'})
    check(existing(trace, id=abandoned), {'netns': mounted.inode, 'rport': 8080, 'state': 'TIME-WAIT'})


@ALL
def test_held_from_another_namespace(tracer, netns):
    """A socket is where it was made; its process, here, has left."""
    with netns:
        sock = udp_socket(port=5353)
    number = cookie(sock)
    with sock:
        trace = scanned(tracer, '--existing').stop()
        check(existing(trace, id=number), {'netns': netns.inode, 'pid': os.getpid()})


@ONCE
def test_shared_by_fork(tracer):
    with Pair() as pair, udp_socket(port=0) as udp:
        cookie(udp)
        with Process(keep=[pair.client, pair.listener, udp]) as child:
            lowest = min(os.getpid(), child.pid)  # pids wrap
            trace = scanned(tracer, '--existing').stop()
        for number in pair.client_id, pair.listener_id, cookie(udp):
            check(existing(trace, id=number), {'attr': 'scan', 'pid': lowest})


# --- totals and later events --------------------------------------------------------------------

def do_take(count):
    return len(receive_all(held['server'], count))


@LATER
@ALL
@pytest.mark.parametrize('options', [['--existing'], []], ids=['existing', 'without'])
def test_totals_and_close(tracer, options):
    """Totals so far, and all at the end; both ends know each other."""
    with Process(b'e2e-server') as server, Process(b'e2e-client') as client:
        listener_id, port = server.call(do_listen, '127.0.0.1')
        client_id, client_port = client.call(do_connect, '127.0.0.1', port)
        server_id = server.call(do_accept)
        client.call(do_send_all, 'client', 70000)
        assert server.call(do_take, 70000) == 70000
        trace = scanned(tracer, *options)
        client.call(do_send_all, 'client', 5)
        assert server.call(do_take, 5) == 5
        client.call(do_close, 'client')
        server.call(wait_for_held_end, 'server')
        server.call(do_close, 'server')
        server.call(do_close, 'listener')
        out = {'attr': 'scan', 'pid': client.pid, 'comm': 'e2e-client', 'lport': client_port, 'rport': port,
               'direction': 'out', 'tx_bytes': 70000, 'rx_bytes': 0}
        into = {'attr': 'scan', 'pid': server.pid, 'comm': 'e2e-server', 'lport': port, 'rport': client_port,
                'direction': 'in', 'tx_bytes': 0, 'rx_bytes': 70000}
        if options:
            check(existing(trace, id=client_id), {**out, 'state': 'ESTAB'})
            check(existing(trace, id=server_id), {**into, 'state': 'ESTAB'})
        check(trace.wait_for(event='close', id=client_id),
              {**out, 'tx_bytes': 70005, 'peer_pid': server.pid, 'peer_comm': 'e2e-server', 'reason': 'local'})
        check(trace.wait_for(event='close', id=server_id),
              {**into, 'rx_bytes': 70005, 'peer_pid': client.pid, 'peer_comm': 'e2e-client',
               'reason': 'remote'})
        check(trace.wait_for(event='unlisten', id=listener_id),
              {'attr': 'scan', 'pid': server.pid, 'comm': 'e2e-server'})
        trace.stop()
        first = ['existing'] if options else []
        assert trace.history(client_id) == trace.history(server_id) == [*first, 'close']
        assert trace.history(listener_id) == [*first, 'unlisten']


def do_send_all(name, count):
    held[name].sendall(b'x' * count)


def wait_for_held_end(name):
    wait_for_end(held[name])


@LATER
@pytest.mark.parametrize('options', [['--existing'], []], ids=['existing', 'without'])
def test_accepted_later(tracer, need, options):
    """A connection that waits for accept() is its listener's until somebody takes it."""
    with Process(b'e2e-server') as server, Process(b'e2e-client') as client:
        _, port = server.call(do_listen, '127.0.0.1')
        _, client_port = client.call(do_connect, '127.0.0.1', port)
        trace = scanned(tracer, *options)
        need(trace, 'accept')
        server_id = server.call(do_accept)
        ends = {'lport': port, 'rport': client_port}
        accept = trace.wait_for(event='accept', **ends)
        assert accept['id'] == server_id or accept['id'] > MADE_UP
        check(accept, {'attr': 'accept', 'pid': server.pid, 'peer_pid': client.pid})
        server.call(do_close, 'server')
        client.call(do_close, 'client')  # the kernel may wait a minute for its FIN
        check(trace.wait_for(event='close', **ends), {'attr': 'accept', 'pid': server.pid, 'peer_pid': client.pid})
        trace.stop()
        if options:
            check(existing(trace, **ends), {'attr': 'listener', 'pid': server.pid, 'state': 'ESTAB',
                                            'id': accept['id']})


def do_bind(port):
    held['udp'] = udp_socket(port=port)
    return cookie(held['udp']), port_of(held['udp'])


def do_recv():
    return held['udp'].recvfrom(100)[0]


@LATER
def test_udp_flow_of_an_old_socket(tracer, need):
    """Its owner is known, also where a datagram's reader is not."""
    with Process(b'e2e-server') as server, udp_socket() as client:
        server_id, port = server.call(do_bind, 0)
        trace = scanned(tracer, '--existing')
        need(trace, 'udp received')
        client.sendto(b'question', ('127.0.0.1', port))
        assert server.call(do_recv) == b'question'
        flow = trace.wait_for(event='flow', id=server_id)
        check(flow, {'pid': server.pid, 'comm': 'e2e-server', 'direction': 'in',
                     'attr': 'recv' if trace.abilities['udp reader'] else 'scan'})
        server.call(do_close, 'udp')
        check(trace.wait_for(event='close', id=server_id), {'pid': server.pid, 'rx_bytes': 8})
        trace.stop()
        check(existing(trace, id=server_id), {'pid': server.pid, 'state': 'UNCONN', 'attr': 'scan'})


# --- directions ---------------------------------------------------------------------------------

def connect_bound(address, option=None):
    listener = listen_on()
    client = tcp_socket()
    if option:
        client.setsockopt(socket.SOL_IP, option, 1)
    client.bind(address)
    client.connect(listener.getsockname())
    return listener, client, listener.accept()[0]


@ALL
@pytest.mark.parametrize('address, option', [
    (('127.0.0.1', 0), None), (('127.0.0.1', 0), IP_BIND_ADDRESS_NO_PORT), (('', 0), None),
    (('127.0.0.1', 40123), None)], ids=['address', 'address alone', 'nothing', 'port'])
def test_bound_client_is_out(tracer, netns, address, option):
    with netns:
        sockets = listener, client, server = connect_bound(address, option)
    number, far = cookie(client), cookie(server)
    trace = scanned(tracer, '--existing', '--netns', netns.path).stop()
    check(existing(trace, id=number), {'direction': 'out',
                                       'lorigin': 'bound' if address[1] else 'dynamic'})
    check(existing(trace, id=far), {'direction': 'in'})
    for sock in sockets:
        sock.close()


@ALL
@pytest.mark.parametrize('closed', [False, True], ids=['listening', 'closed'])
@pytest.mark.parametrize('address', ['127.0.0.1', '0.0.0.0', '::'])
def test_child_of_listen_0_is_in(tracer, netns, address, closed):
    """Also if the listener has gone, and whatever has passed since."""
    with netns:
        listener = listen_on(address, backlog=0)
        client = tcp_socket()
        client.connect(('127.0.0.1', port_of(listener)))
        server, _ = listener.accept()
    if closed:
        listener.close()
        server.sendall(b'some bytes')
        assert receive_all(client, 10) == b'some bytes'
        client.sendall(b'back')
    number, far = cookie(server), cookie(client)
    trace = scanned(tracer, '--existing', '--netns', netns.path).stop()
    check(existing(trace, id=number), {'direction': 'in'})
    check(existing(trace, id=far), {'direction': 'out'})
    for sock in listener, client, server:
        sock.close()


# --- neither gap nor double ---------------------------------------------------------------------

class Traffic:
    """Sockets that come and go while a trace starts."""

    def __init__(self, ns):
        self.tracing, self.done = threading.Event(), threading.Event()
        self.young = set()  # ids of those that are younger than the trace
        self.thread = threading.Thread(target=self.run, args=[ns])
        self.thread.start()

    def run(self, ns):
        check_errno(libc.setns(ns.fd, 0x40000000))
        while not self.done.is_set():
            young = self.tracing.is_set()
            with Pair() as pair, udp_socket(port=0) as udp, udp_socket(port=5999) as named:
                udp.connect(('127.0.0.1', 9))
                if young:
                    self.young |= {pair.client_id, pair.server_id, pair.listener_id, cookie(udp), cookie(named)}

    def end(self):
        self.done.set()
        self.thread.join()


@ONCE
def test_while_sockets_come_and_go(tracer, netns):
    with netns:
        pairs = [Pair() for _ in range(50)]
        old = [udp_socket(port=0) for _ in range(50)]
    ids = [i for p in pairs for i in (p.client_id, p.server_id, p.listener_id)] + list(map(cookie, old))
    traffic = Traffic(netns)
    try:
        trace = tracer('--existing')
        traffic.tracing.set()
        trace.wait_for_scan()
        wait_until(lambda: len(traffic.young) > 20, 'sockets of during the trace')
    finally:
        traffic.end()
    trace.stop()
    told = Counter(e['id'] for e in trace.find(event='existing', netns=netns.inode) if e['id'] < MADE_UP)
    assert all(told[i] == 1 for i in ids), [i for i in ids if told[i] != 1]
    assert not [i for i, n in told.items() if n > 1]
    begun = {e['id'] for kind in ('connect', 'listen') for e in trace.find(event=kind, netns=netns.inode)}
    assert begun, 'the trace has seen nothing of it live'
    assert not (begun | traffic.young) & told.keys()
    for pair in pairs:
        pair.__exit__()
    for sock in old:
        sock.close()


@ONCE
def test_busy_udp_sockets(tracer, netns):
    """A datagram that comes before the scan does takes no old socket from it."""
    with netns:
        old = [udp_socket(port=0) for _ in range(50)]
    done = threading.Event()

    def talk():
        while not done.is_set():
            for sock in old:
                sock.sendto(b'x', old[0].getsockname())
                old[0].recv(10)
    ids = list(map(cookie, old))
    thread = threading.Thread(target=talk)
    thread.start()
    try:
        trace = scanned(tracer, '--existing', '-u')
    finally:
        done.set()
        thread.join()
    trace.stop()
    for i in ids:
        check(existing(trace, id=i), {'attr': 'scan', 'pid': os.getpid(), 'state': 'UNCONN'})
    for sock in old:
        sock.close()


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 16384), max(before[1], 16384)))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@ONCE
@ALL
def test_many(tracer, netns, many_files):
    with netns:
        listener = listen_on(backlog=1000)
        clients, servers = [], []
        for _ in range(1000):
            clients.append(tcp_socket())
            clients[-1].connect(listener.getsockname())
            servers.append(listener.accept()[0])
    ids = list(map(cookie, [listener, *clients, *servers]))
    trace = scanned(tracer, '--existing').stop()
    told = trace.find(event='existing', netns=netns.inode)
    assert Counter(e['id'] for e in told) == Counter(ids)
    assert {(e['pid'], e['attr'], e['exe']) for e in told} == {
        (os.getpid(), 'scan', os.readlink('/proc/self/exe'))}
    for sock in [listener, *clients, *servers]:
        sock.close()


CHILDREN = """
import os, signal, socket, sys
ready, tell = os.pipe()
for i in range(%d):
    if not os.fork():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('127.0.0.1', 0))
        os.write(tell, b'x')
        signal.pause()
seen = 0
while seen < %d:
    seen += len(os.read(ready, 100))
print('ready', flush=True)
sys.stdin.read()
os.killpg(0, signal.SIGKILL)
"""


@ALL
def test_path_of_every_process(tracer, netns):
    """More processes than are read at once, each with a socket."""
    python = os.path.realpath('/usr/bin/python3')
    with netns:
        process = subprocess.Popen([python, '-I', '-S', '-c', CHILDREN % (300, 300)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout.readline() == b'ready\n'
        trace = scanned(tracer, '--existing', '--netns', netns.path).stop()
    finally:
        process.stdin.close()
        process.wait(TIMEOUT)
        process.stdout.close()
    told = trace.find(event='existing', netns=netns.inode)
    assert len({e['pid'] for e in told}) == len(told) == 300
    assert {e.get('exe') for e in told} == {python}


# --- options ------------------------------------------------------------------------------------

def do_open_all(address, port, udp_port):
    held['client'] = tcp_socket(address)
    held['client'].connect((address, port))
    held['udp'] = udp_socket(address)
    held['udp'].connect((address, udp_port))
    return cookie(held['client']), cookie(held['udp'])


def do_serve(port, udp_port):
    held['listener'] = listen_on('::', port)
    held['udp'] = udp_socket('::', udp_port)
    return cookie(held['listener']), cookie(held['udp'])


class Scene:
    """Old sockets of two clients and a server, and which of them each filter wants."""

    def __init__(self, stack, ns):
        self.ns = ns
        self.server = stack.enter_context(Process(b'e2e-server', netns=ns))
        self.four = stack.enter_context(Process(b'e2e-four', netns=ns))
        self.six = stack.enter_context(Process(b'e2e-six', netns=ns))
        self.sockets = {}
        self.sockets['listener'], self.sockets['udp'] = self.server.call(do_serve, 8080, 5353)
        self.sockets['four'], self.sockets['udp four'] = self.four.call(do_open_all, '127.0.0.1', 8080, 5353)
        self.sockets['in four'] = self.server.call(do_accept_as, 'in four')
        self.sockets['six'], self.sockets['udp six'] = self.six.call(do_open_all, '::1', 8080, 5353)
        self.sockets['in six'] = self.server.call(do_accept_as, 'in six')

    def close(self):
        for process, name in ((self.four, 'client'), (self.six, 'client'), (self.server, 'in four'),
                              (self.server, 'in six'), (self.server, 'listener')):
            process.call(do_close, name)


def do_accept_as(name):
    held[name], _ = held['listener'].accept()
    return cookie(held[name])


FILTERS = {
    'none': ([], {'listener', 'udp', 'four', 'six', 'in four', 'in six', 'udp four', 'udp six'}),
    'tcp': (['-t'], {'listener', 'four', 'six', 'in four', 'in six'}),
    'udp': (['-u'], {'udp', 'udp four', 'udp six'}),
    'ipv4': (['-4'], {'four', 'in four', 'udp four'}),
    'ipv6': (['-6'], {'listener', 'udp', 'six', 'in six', 'udp six'}),
    'pid': (lambda s: ['-p', str(s.four.pid)], {'four', 'udp four'}),
    'comm': (['-c', 'e2e-server'], {'listener', 'udp', 'in four', 'in six'}),
    'port': (['--port', '8080'], {'listener', 'four', 'six', 'in four', 'in six'}),
    'lport': (['-L', '8080'], {'listener', 'in four', 'in six'}),
    'rport': (['-R', '5353'], {'udp four', 'udp six'}),
    'in': (['--in'], {'in four', 'in six'}),
    'out': (['--out'], {'four', 'six', 'udp four', 'udp six'}),
    'net': (['-A', '127.0.0.0/8'], {'four', 'in four', 'udp four'}),
    'pid and port': (lambda s: ['-p', str(s.six.pid), '-R', '8080'], {'six'}),
}


@ALL
@LATER
@pytest.mark.parametrize('name', FILTERS)
def test_filter(tracer, netns, name):
    """Both what is told of old sockets and their ends."""
    options, wanted = FILTERS[name]
    with contextlib.ExitStack() as stack:
        scene = Scene(stack, netns)
        names = {number: name for name, number in scene.sockets.items()}
        options = options(scene) if callable(options) else options
        trace = scanned(tracer, '--existing', '--netns', netns.path, *options)
        scene.close()
        marker = tracer('-e', 'unlisten')  # what is told there later was told here before
        with netns:
            listen_on(port=8081).close()
        marker.wait_for(event='unlisten', netns=netns.inode, lport=8081)
        marker.stop()
        trace.stop()
    told = trace.find(event='existing')
    assert {names.get(e['id']) for e in told} == wanted
    assert len(told) == len(wanted)
    ends = trace.find(event='close', proto='tcp') + trace.find(event='unlisten', proto='tcp')
    assert {names.get(e['id']) for e in ends if e['id'] in names} == {
        n for n in wanted if not n.startswith('udp')}
    assert all(e['attr'] == 'scan' for e in ends if e['id'] in names)


@ALL
def test_only_existing(tracer, netns):
    with netns, Pair() as pair:
        trace = scanned(tracer, '-e', 'existing', '--netns', netns.path)
        with Pair():
            pass
        trace.stop()
    told = trace.find()
    assert {e['event'] for e in told} == {'existing'}
    assert Counter(e['id'] for e in told) == Counter([pair.client_id, pair.server_id, pair.listener_id])


@ALL
def test_count(tracer, netns):
    """They are events like others: --count counts them."""
    with netns, Pair():
        trace = tracer('--existing', '--netns', netns.path, '--count', '2', start=False).wait()
    assert [e['event'] for e in trace.find()] == ['existing'] * 2


@ALL
def test_before_the_first_live_event(tracer, netns):
    with netns:
        pairs = [Pair() for _ in range(20)]
        traffic = Traffic(netns)
        try:
            trace = scanned(tracer, '--existing', '--netns', netns.path)
            trace.wait_for(event='connect')
        finally:
            traffic.end()
    trace.stop()
    kinds = [e['event'] for e in trace.find()]
    last = max(i for i, kind in enumerate(kinds) if kind == 'existing')
    assert set(kinds[:last]) == {'existing'}
    for pair in pairs:
        pair.__exit__()


@ALL
def test_text(tracer, netns):
    with netns, Pair() as pair, udp_socket(port=5353):
        pair.exchange(b'x' * 2048, b'y')
        trace = scanned(tracer, '--existing', '-n', '--no-header', '--netns', netns.path,
                        '--columns', 'event,proto,pid,local,dir,remote,state,info', json=False).stop()
        lines = sorted(line.split() for line in trace.stdout.decode().splitlines())
    pid, client, server = str(os.getpid()), f'127.0.0.1:{pair.client_port}', f'127.0.0.1:{pair.port}'
    assert lines == sorted([
        ['existing', 'tcp', pid, server, '-', '-', 'LISTEN', 'LISTEN'],
        ['existing', 'tcp', pid, client, '->', server, 'ESTAB', 'ESTAB', '2.0K/1B'],
        ['existing', 'tcp', pid, server, '<-', client, 'ESTAB', 'ESTAB', '1B/2.0K'],
        ['existing', 'udp', pid, '127.0.0.1:5353', '-', '-', 'UNCONN', 'UNCONN'],
    ])


# --- what connsnoop may not see -----------------------------------------------------------------

def run_as(ns, *command):
    """(events, stderr) of a short trace that is started in a namespace by another command."""
    with ns:
        done = subprocess.run([*command, BINARY, '--backend', 'tracepoint', '-j', '--existing', '-e', 'existing',
                               '-d', '0.2'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=4 * TIMEOUT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def two_time_waits(netns):
    """What no process holds: in a namespace, and in another that a process is in."""
    other = Namespace()
    with Process(netns=netns) as here, Process(netns=other) as there:
        yield here.call(do_leave_time_wait, 0), there.call(do_leave_time_wait, 0)
    other.close()


@ALL
def test_without_sys_admin(netns, two_time_waits):
    """What is in other namespaces and held by no process is missing, and that is said."""
    out, err = run_as(netns, 'setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin')
    assert f'"id":{two_time_waits[0]},' in out
    assert f'"id":{two_time_waits[1]},' not in out
    assert 'CAP_SYS_ADMIN' in err


@ALL
def test_without_proc(netns, two_time_waits):
    """Without /proc the own namespace is all that can be found, and that is said."""
    out, err = run_as(netns, 'unshare', '--mount', 'sh', '-c',
                      'mount -t tmpfs none /proc && exec "$@"', 'sh')
    assert f'"id":{two_time_waits[0]},' in out
    assert f'"id":{two_time_waits[1]},' not in out
    assert '/proc' in err
