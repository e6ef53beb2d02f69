"""UDP datagrams: what is one, in whatever calls it was put together, and what could not be sent."""
import ctypes
import errno
import os
import socket
import struct

import pytest

from sockets import TIMEOUT, cookie, port_of, udp_socket
from test_close import two_hosts  # noqa: F401, a fixture
from test_refusals import firewall  # noqa: F401, a fixture
from test_udp import MSG_MORE, UDP_SEGMENT, Talk, both_directions, totals  # noqa: F401, a fixture
from tracing import Trace, pick

UDP_CORK, UDP_GRO = 1, 104
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope='module')
def trace():
    """Each datagram is told."""
    trace = Trace('-u', '--datagrams')
    try:
        yield trace
        trace.stop()
    finally:
        trace.kill()


def sent(trace, socket_id):
    return [event['bytes'] for event in trace.find(event='send', id=socket_id)]


def check_talk(trace, talk, datagrams):
    """Both ends have counted these datagrams, and the sender has told each of them."""
    size, count = sum(datagrams), len(datagrams)
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (size, 0, count, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, size, 0, count)
    assert sent(trace, talk.client_id) == datagrams


# --- one datagram, several calls ----------------------------------------------------------------

@pytest.mark.case('udp', 'MSG_MORE')
@pytest.mark.parametrize('listen, to', [
    ('127.0.0.1', '127.0.0.1'), ('::1', '::1'), ('127.0.0.1', '::ffff:127.0.0.1')])
def test_more(trace, listen, to):
    with Talk(listen, to) as talk:
        for _ in range(2):
            talk.client.send(b'first,', MSG_MORE)
            talk.client.send(b'second,', MSG_MORE)
            talk.client.send(b'third')
            assert talk.server.recv(100) == b'first,second,third'
    check_talk(trace, talk, [18, 18])


@pytest.mark.case('udp', 'UDP_CORK')
@pytest.mark.parametrize('listen, to', [
    ('127.0.0.1', '127.0.0.1'), ('::1', '::1'), ('127.0.0.1', '::ffff:127.0.0.1')])
def test_cork(trace, listen, to):
    """What is sent while the socket is corked leaves as one, when the cork is pulled."""
    with Talk(listen, to) as talk:
        for _ in range(2):
            talk.client.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
            for part in b'one', b'two', b'three':
                talk.client.send(part)
            talk.client.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 0)
            assert talk.server.recv(100) == b'onetwothree'
        talk.up(b'as usual')
    check_talk(trace, talk, [11, 11, 8])


@pytest.mark.case('udp', 'UDP_CORK')
def test_corked_and_closed(trace):
    """The cork was never pulled: nothing has left."""
    with Talk() as talk:
        talk.up(b'before')
        talk.client.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
        talk.client.send(b'never')
    check_talk(trace, talk, [6])


# --- one call, several datagrams ----------------------------------------------------------------

def can_segment(sock):
    try:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        pytest.skip('no UDP_SEGMENT')


@pytest.mark.case('udp', 'UDP_SEGMENT by cmsg')
@pytest.mark.parametrize('listen, to', [('127.0.0.1', '127.0.0.1'), ('::1', '::1')])
@pytest.mark.parametrize('connected', [True, False], ids=['connected', 'unconnected'])
def test_segments_by_cmsg(trace, listen, to, connected):
    """The size of the segments comes with the message, as QUIC's libraries do it."""
    with Talk(listen, to, connected) as talk:
        can_segment(talk.client)
        control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack('H', 100))]
        talk.client.sendmsg([b'x' * 250], control, 0, *([] if connected else [talk.to]))
        assert [len(talk.server.recv(1000)) for _ in range(3)] == [100, 100, 50]
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (250, 0, 3, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 250, 0, 3)
    assert sum(sent(trace, talk.client_id)) == 250


@pytest.mark.case('udp', 'UDP_GRO')
def test_receiver_with_gro(trace):
    """Several datagrams read at once, as one large buffer where the kernel keeps them together."""
    with Talk() as talk:
        can_segment(talk.client)
        talk.server.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        talk.client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
        talk.client.send(b'x' * 950)
        got = 0
        while got < 950:
            got += len(talk.server.recv(10000))
        assert got == 950
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (950, 0, 10, 0)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 950, 0, 10)


@pytest.mark.case('udp', 'datagrams of no bytes')
@pytest.mark.parametrize('connected', [True, False], ids=['connected', 'unconnected'])
def test_empty(trace, connected):
    """They are datagrams like any other, and open a flow."""
    with Talk(connected=connected) as talk:
        talk.up(b'')
        talk.up(b'')
        talk.down(b'')
    assert totals(trace.wait_for(event='close', id=talk.client_id)) == (0, 0, 2, 1)
    assert totals(trace.wait_for(event='close', id=talk.server_id)) == (0, 0, 1, 2)
    assert trace.history(talk.client_id) == ['flow', 'send', 'send', 'close']


def send_short(sock, data, address, port, length):
    """To an IPv6 address that is given as RFC 2133 has it, without a scope: 0, or the error."""
    to = struct.pack('=H', socket.AF_INET6) + struct.pack('>HI', port, 0) + socket.inet_pton(
        socket.AF_INET6, address) + bytes(length - 24)
    count = libc.sendto(sock.fileno(), data, len(data), 0, to, length)
    return 0 if count == len(data) else ctypes.get_errno()


@pytest.mark.parametrize('length', [24, 27])
def test_short_address(trace, length):
    with Talk('::1', connected=False) as talk:
        assert send_short(talk.client, b'short', *talk.to, length) == 0
        assert talk.server.recv(100) == b'short'
    close = trace.wait_for(event='close', id=talk.client_id)
    assert (close['raddr'], close['rport'], totals(close)) == (*talk.to, (5, 0, 1, 0))


@pytest.mark.case('udp', 'connect() and nothing sent')
def test_connect_to_sort_addresses(trace):
    """As getaddrinfo() does: connect() to each address, look which source it gives, send nothing."""
    silent = []
    for address in '127.0.0.1', '127.0.0.2', '::1':
        sock = udp_socket(address)
        sock.connect((address, 53))
        assert port_of(sock)
        silent.append(cookie(sock))
        sock.close()
    again = udp_socket()  # one socket for all of them, and then for the question
    for address in '127.0.0.2', '127.0.0.3':
        again.connect((address, 53))
    with Talk() as talk:
        again.connect(talk.to)
        again.send(b'question')
        assert talk.server.recv(100) == b'question'
        again_id = cookie(again)
        again.close()
    trace.wait_for(event='close', id=again_id)
    trace.wait_for(event='close', id=talk.server_id)
    assert trace.history(again_id, 'raddr', 'rport') == [
        (kind, '127.0.0.1', talk.to[1]) for kind in ('flow', 'send', 'close')]
    for socket_id in silent:
        assert trace.history(socket_id) == []


# --- to many ------------------------------------------------------------------------------------

@pytest.mark.case('udp', 'broadcast')
def test_broadcast(trace, netns):
    """To everybody on the wire; what arrives has the sender as its remote side."""
    with netns:
        server = udp_socket('0.0.0.0', 5000)
        client = udp_socket()
        with pytest.raises(PermissionError):
            client.sendto(b'may I', ('127.255.255.255', 5000))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(b'everybody', ('127.255.255.255', 5000))
        assert server.recv(100) == b'everybody'
    ids, port = (cookie(client), cookie(server)), port_of(client)
    client.close()
    server.close()
    out, into = (trace.wait_for(event='close', id=i) for i in ids)
    assert (out['raddr'], out['rport'], totals(out)) == ('127.255.255.255', 5000, (9, 0, 1, 0))
    assert (into['raddr'], into['rport'], totals(into)) == ('127.0.0.1', port, (0, 9, 0, 1))


@pytest.mark.case('udp', 'multicast')
def test_multicast_ipv6(trace, two_hosts):  # noqa: F811
    """To a group on a wire; the one that answers is no group."""
    a, b = two_hosts
    for ns, link, address in (a, 'veth0', 'fd00::1'), (b, 'veth1', 'fd00::2'):
        ns.run('ip', 'address', 'add', address + '/64', 'dev', link, 'nodad')
    with b:
        server = udp_socket('::', 5353)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                          socket.inet_pton(socket.AF_INET6, 'ff05::fb')
                          + struct.pack('i', socket.if_nametoindex('veth1')))
    with a:
        client = udp_socket('fd00::1', 0)
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF,
                          socket.if_nametoindex('veth0'))
        client.sendto(b'mdns', ('ff05::fb', 5353))
    server.settimeout(TIMEOUT)
    assert server.recv(100) == b'mdns'
    ids, port = (cookie(client), cookie(server)), port_of(client)
    client.close()
    server.close()
    out, into = (trace.wait_for(event='close', id=i) for i in ids)
    assert (out['raddr'], out['rport'], totals(out)) == ('ff05::fb', 5353, (4, 0, 1, 0))
    assert (into['raddr'], into['rport'], totals(into)) == ('fd00::1', port, (0, 4, 0, 1))


# --- not sent -----------------------------------------------------------------------------------

def check_not_sent(trace, client, **wanted):
    """One send with its errno, no flow of its own; or nothing where that cannot be seen."""
    client_id = cookie(client)
    client.close()
    with Talk() as marker:
        marker.up(b'x')
    trace.wait_for(event='close', id=marker.client_id)
    failed = [e for e in trace.find(event='send', id=client_id) if 'error' in e]
    if trace.abilities['udp not sent']:
        assert len(failed) == 1
        assert pick(failed[0], wanted | {'pid': os.getpid()}) == wanted | {'pid': os.getpid()}
    else:  # said by probe
        assert failed == []


@pytest.mark.case('udp', 'failed: refused by ICMP')
@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_refused(trace, address):
    """The answer to the first datagram is told to the second, which is not sent."""
    with udp_socket(address, 0) as nobody:
        to = nobody.getsockname()
    client = udp_socket(address)
    client.connect(to)
    client.send(b'anybody?')
    with pytest.raises(ConnectionRefusedError):
        client.send(b'really?')
    client.send(b'not even now?')
    client_id = cookie(client)
    check_not_sent(trace, client, error='ECONNREFUSED', raddr=address, rport=to[1], bytes=7)
    assert totals(trace.wait_for(event='close', id=client_id)) == (21, 0, 2, 0)


@pytest.mark.case('udp', 'failed: too long')
@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_too_long(trace, address):
    client = udp_socket(address)
    with pytest.raises(OSError) as error:
        client.sendto(b'x' * 65528, (address, 9))
    assert error.value.errno == errno.EMSGSIZE
    client_id = cookie(client)
    check_not_sent(trace, client, error='EMSGSIZE', raddr=address, rport=9)
    assert 'flow' not in trace.history(client_id)


@pytest.mark.case('udp', 'failed: no route')
@pytest.mark.parametrize('address', ['192.0.2.1', '2001:db8::1'])
def test_no_route(trace, netns, address):
    with netns:
        client = udp_socket(address)
        with pytest.raises(OSError) as error:
            client.sendto(b'lost', (address, 53))
    assert error.value.errno == errno.ENETUNREACH
    client_id = cookie(client)
    check_not_sent(trace, client, error='ENETUNREACH', raddr=address, rport=53, bytes=4,
                   netns=netns.inode)
    assert 'flow' not in trace.history(client_id)


def test_no_route_to_short_address(trace, netns):
    with netns, udp_socket('::1') as client:
        assert send_short(client, b'lost', '2001:db8::77', 53, 24) == errno.ENETUNREACH
        check_not_sent(trace, client, error='ENETUNREACH', raddr='2001:db8::77', rport=53, bytes=4)


@pytest.mark.case('udp', 'failed: firewall rule')
def test_firewall(trace, firewall):  # noqa: F811
    ns = firewall('udp dport 99 drop')
    with ns:
        client = udp_socket()
        with pytest.raises(OSError) as error:
            client.sendto(b'stopped', ('127.0.0.1', 99))
    assert error.value.errno == errno.EPERM
    check_not_sent(trace, client, error='EPERM', raddr='127.0.0.1', rport=99, bytes=7)
