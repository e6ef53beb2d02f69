"""flow, send and close of UDP: who talked to whom, and how much."""
import ctypes
import errno
import os
import select
import socket

import pytest

from sockets import (Process, cookie, do_close, held, libc, netns_of, port_of,
                     udp_socket)
from tracing import pick

MSG_MORE = 0x8000
UDP_SEGMENT = 103

VERSIONS = {
    'ipv4': ('127.0.0.1', '127.0.0.1', {'ipv': 4, 'mapped': None, 'raddr': '127.0.0.1'}),
    'ipv6': ('::1', '::1', {'ipv': 6, 'mapped': None, 'raddr': '::1'}),
    'mapped': ('127.0.0.1', '::ffff:127.0.0.1', {'ipv': 4, 'mapped': True, 'raddr': '127.0.0.1'}),
}
connected = pytest.mark.parametrize('connected', [True, False], ids=['connected', 'unconnected'])


@pytest.fixture(autouse=True)
def both_directions(trace, need):
    need(trace, 'udp sent')
    need(trace, 'udp received')


class Talk:
    """A client and a server, in this process; the server's port is one that the kernel chose."""

    def __init__(self, listen='127.0.0.1', to=None, connected=True):
        to = to or listen
        self.server = udp_socket(listen, 0)
        self.client = udp_socket(to)
        self.to = (to, port_of(self.server))
        self.connected = connected
        if connected:
            self.client.connect(self.to)
        self.client_id, self.server_id = cookie(self.client), cookie(self.server)

    def up(self, data):
        if self.connected:
            self.client.send(data)
        else:
            self.client.sendto(data, self.to)
        got, self.back = self.server.recvfrom(65536)
        assert got == data

    def down(self, data):
        self.server.sendto(data, self.back)
        assert self.client.recv(65536) == data

    def close(self):
        self.client.close()
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def totals(event):
    return tuple(event[name] for name in ('tx_bytes', 'rx_bytes', 'tx_packets', 'rx_packets'))


@pytest.mark.case('udp', 'connected and not')
@pytest.mark.case('udp', 'IPv6')
@pytest.mark.case('udp', 'IPv4-mapped')
@pytest.mark.case('udp', 'received ones counted')
@pytest.mark.case('udp', 'datagrams of no bytes')
@connected
@pytest.mark.parametrize('version', VERSIONS)
def test_flow(trace, version, connected):
    """One flow at each end however many datagrams, and its end with exact totals."""
    listen, to, wanted = VERSIONS[version]
    with Talk(listen, to, connected) as talk:
        for data in b'a', b'', b'c' * 1000:
            talk.up(data)
        talk.down(b'answer')
        ports = port_of(talk.client), port_of(talk.server)
    wanted = wanted | {'proto': 'udp', 'netns': netns_of(), 'pid': os.getpid()}
    client = wanted | {'direction': 'out', 'attr': 'send', 'lport': ports[0], 'rport': ports[1],
                       'lorigin': 'dynamic'}
    server = wanted | {'direction': 'in', 'rport': ports[0], 'lport': ports[1], 'mapped': None}
    flow = trace.wait_for(event='flow', id=talk.client_id)
    assert pick(flow, client) == client
    close = trace.wait_for(event='close', id=talk.client_id)
    assert pick(close, client) == client
    assert close['reason'] == 'closed'
    assert totals(close) == (1001, 6, 3, 1)
    assert close['duration_us'] > 0
    if not trace.abilities['udp reader']:
        del server['pid']  # not known until it answers
    flow = trace.wait_for(event='flow', id=talk.server_id)
    assert pick(flow, server) == server
    if trace.abilities['udp reader']:
        assert flow['attr'] == 'recv'
    close = trace.wait_for(event='close', id=talk.server_id)
    assert pick(close, server) == server
    assert totals(close) == (6, 1001, 1, 3)
    assert close['reason'] == 'closed'
    assert close['pid'] == os.getpid()
    for socket_id in talk.client_id, talk.server_id:
        assert trace.history(socket_id) == ['flow', 'close']


def test_local_address(trace):
    """A connected socket knows its own address."""
    with Talk() as talk:
        talk.up(b'x')
    assert trace.wait_for(event='flow', id=talk.client_id)['laddr'] == '127.0.0.1'
    assert trace.wait_for(event='flow', id=talk.server_id)['laddr'] == '127.0.0.1'


def test_any_address(trace):
    """A server that is bound to every address is seen with the one that was asked for."""
    with Talk('0.0.0.0', '127.0.0.1') as talk:
        talk.up(b'x')
        talk.down(b'y')
    event = trace.wait_for(event='flow', id=talk.server_id)
    assert (event['laddr'], event['raddr']) == ('127.0.0.1', '127.0.0.1')


@pytest.mark.case('udp', 'IPv4-mapped')
def test_dual_stack_server(trace):
    server = udp_socket('::', 0)
    client = udp_socket()
    client.sendto(b'x', ('127.0.0.1', port_of(server)))
    server.recv(10)
    ids = cookie(client), cookie(server)
    client.close()
    server.close()
    wanted = {'ipv': 4, 'mapped': True, 'raddr': '127.0.0.1', 'direction': 'in'}
    assert pick(trace.wait_for(event='flow', id=ids[1]), wanted) == wanted
    assert trace.wait_for(event='flow', id=ids[0]).get('mapped') is None


@pytest.mark.case('udp', 'several peers on one socket')
@pytest.mark.parametrize('peers', [2, 50])
def test_several_peers_on_one_socket(trace, peers):
    """A flow for each peer, and for each its own totals."""
    client = udp_socket()
    servers = [udp_socket(port=0) for _ in range(peers)]
    for i, server in enumerate(servers):
        for _ in range(2):
            client.sendto(b'x' * i, server.getsockname())
    client_id, ports = cookie(client), [port_of(server) for server in servers]
    ids = [cookie(server) for server in servers]
    for server in servers:
        assert server.recv(100) == server.recv(100)
        server.close()
    client.close()
    closes = trace.wait_for(event='close', id=client_id, count=peers)
    flows = trace.find(event='flow', id=client_id)
    assert [flow['rport'] for flow in flows] == ports
    assert {close['rport']: totals(close) for close in closes} == {
        port: (2 * i, 0, 2, 0) for i, port in enumerate(ports)}
    for i, server_id in enumerate(ids):
        assert totals(trace.wait_for(event='close', id=server_id)) == (0, 2 * i, 0, 2)
    assert len(trace.find(event='close', id=client_id)) == peers


@pytest.mark.case('udp', 'several peers on one socket')
def test_server_with_several_clients(trace):
    server = udp_socket(port=0)
    clients = [udp_socket() for _ in range(5)]
    for client in clients:
        client.connect(server.getsockname())
        client.send(b'question')
        _, back = server.recvfrom(100)
        server.sendto(b'the answer', back)
        assert client.recv(100) == b'the answer'
    ports, server_id = {port_of(client) for client in clients}, cookie(server)
    server.close()
    closes = trace.wait_for(event='close', id=server_id, count=len(clients))
    assert {close['rport'] for close in closes} == ports
    assert {totals(close) for close in closes} == {(10, 8, 1, 1)}
    assert len(trace.find(event='flow', id=server_id)) == len(clients)
    for client in clients:
        client.close()


def test_connect_alone_is_no_flow(trace):
    """connect() of UDP sends nothing."""
    silent = udp_socket()
    silent.connect(('127.0.0.1', 9))
    silent_id = cookie(silent)
    silent.close()
    with Talk() as marker:
        marker.up(b'x')
    trace.wait_for(event='close', id=marker.client_id)
    assert trace.history(silent_id) == []


def test_connected_anew(trace):
    """The socket turns to another peer: another flow."""
    servers = [udp_socket(port=0) for _ in range(2)]
    client = udp_socket()
    for server in servers:
        client.connect(server.getsockname())
        client.send(b'hello')
        server.recv(10)
    client_id, ports = cookie(client), [port_of(server) for server in servers]
    client.close()
    trace.wait_for(event='close', id=client_id, count=2)
    assert [e['rport'] for e in trace.find(event='flow', id=client_id)] == ports
    for server in servers:
        server.close()


def test_to_a_closed_port(trace):
    """The datagram has left; the answer is an ICMP message and no datagram of this socket."""
    with udp_socket(port=0) as nobody:
        to = nobody.getsockname()
    client = udp_socket()
    client.connect(to)
    client.send(b'anybody?')
    with pytest.raises(ConnectionRefusedError):
        client.recv(10)
    client_id = cookie(client)
    client.close()
    close = trace.wait_for(event='close', id=client_id)
    assert totals(close) == (8, 0, 1, 0)


def test_send_that_fails_is_no_flow(trace, netns):
    """No route: nothing has left."""
    with netns:
        client = udp_socket()
        with pytest.raises(OSError):
            client.sendto(b'x', ('192.0.2.1', 53))
        server = udp_socket(port=0)
        client.sendto(b'y', server.getsockname())
    client_id = cookie(client)
    client.close()
    close = trace.wait_for(event='close', id=client_id)
    assert totals(close) == (1, 0, 1, 0)
    assert trace.history(client_id, 'raddr') == [('flow', '127.0.0.1'), ('close', '127.0.0.1')]
    server.close()


@pytest.mark.case('udp', 'MSG_MORE')
def test_corked(trace):
    """MSG_MORE: two calls, one datagram."""
    with Talk() as talk:
        talk.client.send(b'first,', MSG_MORE)
        talk.client.send(b'second')
        assert talk.server.recv(100) == b'first,second'
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (12, 0, 1, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 12, 0, 1)


@pytest.mark.case('udp', 'MSG_PEEK not counted')
def test_peeked_at(trace):
    """MSG_PEEK reads nothing."""
    with Talk() as talk:
        talk.client.send(b'look')
        for _ in range(3):
            assert talk.server.recv(100, socket.MSG_PEEK) == b'look'
        assert talk.server.recv(100) == b'look'
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 4, 0, 1)


def test_cut_short(trace):
    """A buffer that is too small: the datagram had its size all the same."""
    with Talk() as talk:
        talk.client.send(b'x' * 100)
        assert talk.server.recv(10) == b'x' * 10
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 100, 0, 1)


@pytest.mark.case('udp', 'received ones counted')
def test_not_read(trace):
    """What nobody has read."""
    with Talk() as talk:
        talk.up(b'read')
        talk.client.send(b'not read')
        select.select([talk.server], [], [])
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (12, 0, 2, 0)
    close = trace.wait_for(event='close', id=talk.server_id)
    if trace.abilities['udp reader']:
        assert totals(close) == (0, 4, 0, 1)
    else:  # said by probe: counted when they arrive, read or not
        assert totals(close) == (0, 12, 0, 2)


def test_largest_datagram(trace):
    """More than an Ethernet frame: fragments are no datagrams."""
    with Talk() as talk:
        talk.up(b'x' * 65507)
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (65507, 0, 1, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 65507, 0, 1)


@pytest.mark.case('udp', 'UDP_SEGMENT by setsockopt()')
def test_segmented_by_the_kernel(trace):
    """UDP_SEGMENT: one call, several datagrams."""
    with Talk() as talk:
        try:
            talk.client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
        except OSError:
            pytest.skip('no UDP_SEGMENT')
        talk.client.send(b'x' * 250)
        assert [len(talk.server.recv(1000)) for _ in range(3)] == [100, 100, 50]
    client = trace.wait_for(event='close', id=talk.client_id)
    server = trace.wait_for(event='close', id=talk.server_id)
    assert totals(client) == (250, 0, 3, 0)
    assert totals(server) == (0, 250, 0, 3)


class Iovec(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [('name', ctypes.c_void_p), ('namelen', ctypes.c_uint),
                ('iov', ctypes.POINTER(Iovec)), ('iovlen', ctypes.c_size_t),
                ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t),
                ('flags', ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [('hdr', Msghdr), ('len', ctypes.c_uint)]


@pytest.mark.case('udp', 'sendmmsg()')
def test_sendmmsg(trace):
    """Several datagrams in one call, as resolvers send them."""
    with Talk() as talk:
        parts = [b'one', b'three', b'']
        iovecs = [Iovec(part, len(part)) for part in parts]
        messages = (Mmsghdr * 3)(*(Mmsghdr(Msghdr(iov=ctypes.pointer(v), iovlen=1)) for v in iovecs))
        assert libc.sendmmsg(talk.client.fileno(), messages, 3, 0) == 3
        assert [talk.server.recv(100) for _ in parts] == parts
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (8, 0, 3, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 8, 0, 3)


def test_to_itself(trace):
    """A socket that sends to its own port: one flow, both directions."""
    sock = udp_socket(port=0)
    sock.sendto(b'to myself', sock.getsockname())
    assert sock.recv(100) == b'to myself'
    socket_id = cookie(sock)
    sock.close()
    close = trace.wait_for(event='close', id=socket_id)
    assert totals(close) == (9, 9, 1, 1)
    assert trace.history(socket_id, 'direction') == [('flow', 'out'), ('close', 'out')]


def do_ask(address):
    sock = held['client'] = udp_socket()
    sock.sendto(b'question', address)
    assert sock.recv(100) == b'answer'
    return cookie(sock)


def do_serve():
    sock = held['server'] = udp_socket(port=0)
    return cookie(sock), port_of(sock)


def do_answer():
    _, back = held['server'].recvfrom(100)
    held['server'].sendto(b'answer', back)


def test_owners(trace):
    """Each end belongs to its own process."""
    with Process(b'udp-server') as server, Process(b'udp-client') as client:
        server_id, port = server.call(do_serve)
        server.begin(do_answer)
        client_id = client.call(do_ask, ('127.0.0.1', port))
        server.result()
        client.call(do_close, 'client')
        server.call(do_close, 'server')
        for socket_id, process, comm in (client_id, client, 'udp-client'), (server_id, server, 'udp-server'):
            close = trace.wait_for(event='close', id=socket_id)
            wanted = {'pid': process.pid, 'comm': comm, 'ppid': os.getpid()}
            assert pick(close, wanted) == wanted


def test_closed_by_a_child(trace):
    """The owner is who first sent, the closer who closes the socket last."""
    talk = Talk()
    talk.up(b'x')
    held['inherited'] = talk.client
    with Process(b'the-child', keep=[talk.client]) as child:
        del held['inherited']
        talk.client.close()
        child.call(do_close, 'inherited')
        close = trace.wait_for(event='close', id=talk.client_id)
        wanted = {'pid': os.getpid(), 'closer_pid': child.pid, 'closer_comm': 'the-child'}
        assert pick(close, wanted) == wanted
    talk.server.close()


def test_killed(trace):
    server = udp_socket(port=0)
    with Process(b'to-be-killed') as client:
        client.begin(do_ask, server.getsockname())
        _, back = server.recvfrom(100)
        server.sendto(b'answer', back)
        client_id = client.result()
        pid = client.pid
        client.end()
    close = trace.wait_for(event='close', id=client_id)
    assert totals(close) == (8, 6, 1, 1)
    assert (close['pid'], close['reason']) == (pid, 'closed')
    server.close()


@pytest.mark.case('udp', 'multicast')
def test_multicast(trace, netns):
    """To a group, on the loopback of an own namespace; what arrives has another remote side."""
    netns.run('ip', 'link', 'set', 'lo', 'multicast', 'on')
    netns.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', 'lo')
    with netns:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(('', 5353))
        server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                          socket.inet_aton('224.0.0.251')
                          + socket.inet_aton('127.0.0.1'))
        client = udp_socket()
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('127.0.0.1'))
        client.sendto(b'mdns', ('224.0.0.251', 5353))
        assert server.recv(100) == b'mdns'
    ids, port = (cookie(client), cookie(server)), port_of(client)
    client.close()
    server.close()
    out, into = (trace.wait_for(event='close', id=i) for i in ids)
    assert (out['raddr'], out['rport'], totals(out)) == ('224.0.0.251', 5353, (4, 0, 1, 0))
    assert (into['raddr'], into['rport'], totals(into)) == ('127.0.0.1', port, (0, 4, 0, 1))


# --- options ------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def short_trace():
    """Flows end soon, and each datagram is told."""
    from tracing import Trace
    trace = Trace('-u', '--udp-idle', '0.3', '--datagrams')
    try:
        yield trace
        trace.stop()
    finally:
        trace.kill()


@pytest.mark.case('udp', 'idle and closed')
def test_idle(short_trace):
    with Talk() as talk:
        talk.up(b'one')
        close = short_trace.wait_for(event='close', id=talk.client_id)
        assert close['reason'] == 'idle'
        assert totals(close) == (3, 0, 1, 0)
        assert short_trace.wait_for(event='close', id=talk.server_id)['reason'] == 'idle'
        assert 0 <= close['duration_us']


@pytest.mark.case('udp', 'idle and closed')
def test_flow_again_after_idle(short_trace):
    with Talk() as talk:
        talk.up(b'one')
        short_trace.wait_for(event='close', id=talk.client_id)
        talk.up(b'three')
        talk.up(b'x')
    closes = short_trace.wait_for(event='close', id=talk.client_id, count=2)
    assert [totals(close) for close in closes] == [(3, 0, 1, 0), (6, 0, 2, 0)]
    assert closes[1]['reason'] == 'closed'
    kinds = [kind for kind in short_trace.history(talk.client_id) if kind != 'send']
    assert kinds == ['flow', 'close'] * 2


@connected
@pytest.mark.parametrize('version', VERSIONS)
def test_datagrams(short_trace, version, connected):
    """--datagrams: one send for each, by whoever sends, with its size."""
    listen, to, wanted = VERSIONS[version]
    with Talk(listen, to, connected) as talk:
        for data in b'one', b'', b'x' * 1400:
            talk.up(data)
        talk.down(b'answer')
    short_trace.wait_for(event='close', id=talk.client_id)
    short_trace.wait_for(event='close', id=talk.server_id)
    sends = short_trace.find(event='send', id=talk.client_id)
    assert [send['bytes'] for send in sends] == [3, 0, 1400]
    for send in sends:
        assert pick(send, wanted) == wanted
        assert 'error' not in send
    assert [send['bytes'] for send in short_trace.find(event='send', id=talk.server_id)] == [6]
    assert short_trace.history(talk.client_id) == ['flow', 'send', 'send', 'send', 'close']


def test_datagram_not_sent(short_trace, netns):
    with netns:
        client = udp_socket()
        with pytest.raises(OSError) as error:
            client.sendto(b'lost', ('192.0.2.1', 53))
    assert error.value.errno == errno.ENETUNREACH
    client_id = cookie(client)
    if short_trace.abilities['udp not sent']:
        send = short_trace.wait_for(event='send', id=client_id)
        wanted = {'error': 'ENETUNREACH', 'raddr': '192.0.2.1', 'rport': 53, 'pid': os.getpid(),
                  'netns': netns.inode}
        assert pick(send, wanted) == wanted
    client.close()
    with Talk() as marker:
        marker.up(b'x')
    short_trace.wait_for(event='close', id=marker.client_id)
    kinds = short_trace.history(client_id)
    assert kinds == (['send'] if short_trace.abilities['udp not sent'] else [])


def test_no_datagrams_without_the_option(trace):
    with Talk() as talk:
        talk.up(b'x')
    trace.wait_for(event='close', id=talk.client_id)
    assert 'send' not in trace.history(talk.client_id)
