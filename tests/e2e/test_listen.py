"""listen and unlisten: a port is opened for others, and given up."""
import os
import socket

import pytest

from sockets import (Pair, Process, cookie, do_close, do_listen, listen_on, netns_of, port_of,
                     tcp_socket, udp_socket)
from tracing import pick

VERSIONS = {
    'ipv4': ('127.0.0.1', {'ipv': 4, 'laddr': '127.0.0.1'}),
    'ipv4-any': ('0.0.0.0', {'ipv': 4, 'laddr': '0.0.0.0'}),
    'ipv6': ('::1', {'ipv': 6, 'laddr': '::1'}),
    'ipv6-any': ('::', {'ipv': 6, 'laddr': '::'}),
}


@pytest.mark.parametrize('version', VERSIONS)
def test_tcp(trace, netns, version):
    address, wanted = VERSIONS[version]
    with netns:
        listener = listen_on(address, 8080, backlog=7)
    wanted = wanted | {
        'proto': 'tcp', 'id': cookie(listener), 'lport': 8080, 'lclass': 'registered',
        'lorigin': 'bound', 'attr': 'listen', 'pid': os.getpid(), 'tid': os.getpid(),
        'netns': netns.inode, 'service': 'http-alt', 'lservice': 'http-alt',
        'raddr': None, 'rport': None, 'direction': None, 'mapped': None,
    }
    event = trace.wait_for(event='listen', id=cookie(listener))
    assert pick(event, wanted) == wanted
    assert event['backlog'] == 7
    listener.close()
    event = trace.wait_for(event='unlisten', id=wanted['id'])
    assert pick(event, wanted) == wanted
    assert trace.history(wanted['id']) == ['listen', 'unlisten']


def test_port_0(trace):
    """The kernel has chosen the port, at bind()."""
    listener = listen_on()
    event = trace.wait_for(event='listen', id=cookie(listener))
    assert (event['lport'], event['lorigin']) == (port_of(listener), 'dynamic')
    listener.close()


def test_without_bind(trace):
    """The kernel chooses the port at listen()."""
    listener = socket.socket()
    listener.listen(3)
    listener_id, port = cookie(listener), port_of(listener)
    event = trace.wait_for(event='listen', id=listener_id)
    assert (event['laddr'], event['backlog']) == ('0.0.0.0', 3)
    if trace.abilities['listen without bind']:
        assert (event['lport'], event['lorigin']) == (port, 'dynamic')
    else:
        assert 'lport' not in event
    listener.close()
    event = trace.wait_for(event='unlisten', id=listener_id)
    assert event['lport'] == port


def test_again_with_another_backlog(trace):
    """listen() on a listener only sets the backlog: it is no new event."""
    listener = listen_on(backlog=2)
    listener.listen(9)
    listener_id = cookie(listener)
    listener.close()
    trace.wait_for(event='unlisten', id=listener_id)
    assert trace.history(listener_id, 'backlog') == [('listen', 2), ('unlisten', None)]


def test_port_in_use(trace, netns):
    """listen() that fails opens nothing."""
    with netns:
        first, second = tcp_socket(), tcp_socket()
        for sock in first, second:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(('127.0.0.1', 8080))
        first.listen()
        with pytest.raises(OSError):
            second.listen()
    ids = cookie(first), cookie(second)
    second.close()
    first.close()
    trace.wait_for(event='unlisten', id=ids[0])
    assert trace.history(ids[0]) == ['listen', 'unlisten']
    if not trace.weakness('tcp-listen'):
        assert trace.history(ids[1]) == []
    else:  # told before the kernel has confirmed it; but then it is also taken back
        assert trace.history(ids[1]) in ([], ['listen', 'unlisten'])


def test_reuseport(trace):
    """Two sockets on one port are two listeners."""
    first = tcp_socket()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    first.bind(('127.0.0.1', 0))
    first.listen()
    second = tcp_socket()
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    second.bind(first.getsockname())
    second.listen()
    ids = cookie(first), cookie(second)
    first.close()
    second.close()
    for listener_id in ids:
        trace.wait_for(event='unlisten', id=listener_id)
        assert trace.history(listener_id) == ['listen', 'unlisten']


def test_by_another_process(trace):
    with Process(b'some-server') as server:
        listener_id, port = server.call(do_listen, '127.0.0.1')
        wanted = {'pid': server.pid, 'comm': 'some-server', 'lport': port}
        assert pick(trace.wait_for(event='listen', id=listener_id), wanted) == wanted
        server.call(do_close, 'listener')
        assert pick(trace.wait_for(event='unlisten', id=listener_id), wanted) == wanted


def test_killed(trace):
    """A process that dies gives its ports up."""
    with Process(b'some-server') as server:
        listener_id, port = server.call(do_listen, '::1')
        pid = server.pid
        server.end()
    event = trace.wait_for(event='unlisten', id=listener_id)
    assert (event['pid'], event['lport'], event['comm']) == (pid, port, 'some-server')


def test_older_than_the_trace(tracer):
    listener = listen_on()
    port = port_of(listener)
    trace = tracer('-t')
    listener.close()
    event = trace.wait_for(event='unlisten', lport=port)
    assert (event['laddr'], event['netns']) == ('127.0.0.1', netns_of())
    trace.stop()


def test_children_are_no_listeners(trace):
    """A connection that comes in neither listens nor gives up listening."""
    with Pair() as pair:
        pass
    trace.wait_for(event='unlisten', id=pair.listener_id)
    trace.wait_for(event='close', id=pair.server_id)
    assert trace.history(pair.listener_id) == ['listen', 'unlisten']
    assert 'listen' not in trace.history(pair.server_id)


# --- UDP ----------------------------------------------------------------------------------------

@pytest.mark.parametrize('version', VERSIONS)
def test_udp(trace, need, netns, version):
    """bind() to a port that the process has named."""
    need(trace, 'udp bind')
    address, wanted = VERSIONS[version]
    with netns:
        sock = udp_socket(address, 5353)
    wanted = wanted | {
        'proto': 'udp', 'lport': 5353, 'lclass': 'registered', 'lorigin': 'bound', 'attr': 'listen',
        'pid': os.getpid(), 'netns': netns.inode, 'service': 'mdns', 'raddr': None, 'rport': None,
        'direction': None, 'backlog': None,
    }
    socket_id = cookie(sock)
    assert pick(trace.wait_for(event='listen', id=socket_id), wanted) == wanted
    sock.close()
    assert pick(trace.wait_for(event='unlisten', id=socket_id), wanted) == wanted
    assert trace.history(socket_id) == ['listen', 'unlisten']


def test_udp_port_0(trace, need):
    """A port that the kernel chooses is not for others to reach."""
    need(trace, 'udp bind')
    quiet = udp_socket(port=0)
    quiet_id = cookie(quiet)
    quiet.close()
    with Pair() as marker:
        pass
    trace.wait_for(event='unlisten', id=marker.listener_id)
    assert trace.history(quiet_id) == []


def test_udp_port_in_use(trace, need, netns):
    need(trace, 'udp bind')
    with netns:
        first = udp_socket(port=5353)
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with pytest.raises(OSError):
            second.bind(('127.0.0.1', 5353))
    ids = cookie(first), cookie(second)
    second.close()
    first.close()
    trace.wait_for(event='unlisten', id=ids[0])
    assert trace.history(ids[0]) == ['listen', 'unlisten']
    assert trace.history(ids[1]) == []


def do_bind_udp(address, port):
    from sockets import held
    held['udp'] = udp_socket(address, port)
    return cookie(held['udp'])


def test_udp_killed(trace, need, netns):
    need(trace, 'udp bind')
    with Process(b'some-server', netns=netns) as server:
        socket_id = server.call(do_bind_udp, '127.0.0.1', 53)
        pid = server.pid
        trace.wait_for(event='listen', id=socket_id)
        server.end()
    event = trace.wait_for(event='unlisten', id=socket_id)
    wanted = {'pid': pid, 'lport': 53, 'lclass': 'well-known', 'service': 'domain'}
    assert pick(event, wanted) == wanted
