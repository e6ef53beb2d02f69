"""fail: an attempt to connect came to nothing."""
import ctypes
import errno
import os
import select
import socket
import struct

import pytest

from sockets import (Namespace, Process, cookie, held, libc, listen_on, netns_of, port_of,
                     set_comm, tcp_info, tcp_socket)
from test_close import two_hosts  # noqa: F401, a fixture
from tracing import pick

TCP_SYNCNT = 7


def nobody(address='127.0.0.1'):
    """A port where nobody listens."""
    with listen_on(address) as listener:
        return port_of(listener)


@pytest.mark.case('failures', 'refused')
@pytest.mark.parametrize('address, ipv, mapped', [
    ('127.0.0.1', 4, None), ('::1', 6, None), ('::ffff:127.0.0.1', 4, True)])
@pytest.mark.parametrize('blocking', [True, False], ids=['blocking', 'non-blocking'])
def test_refused(trace, address, ipv, mapped, blocking):
    port = nobody('127.0.0.1' if ipv == 4 else address)
    client = tcp_socket(address)
    client.setblocking(blocking)
    error = client.connect_ex((address, port))
    if error == errno.EINPROGRESS:
        select.select([], [client], [])
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert error == errno.ECONNREFUSED
    client_id = cookie(client)
    client.close()
    fail = trace.wait_for(event='fail', id=client_id)
    wanted = {
        'error': 'ECONNREFUSED', 'phase': 'handshake', 'proto': 'tcp', 'ipv': ipv, 'mapped': mapped,
        'raddr': '127.0.0.1' if ipv == 4 else '::1', 'rport': port, 'direction': 'out',
        'laddr': '127.0.0.1' if ipv == 4 else '::1', 'lorigin': 'dynamic', 'attr': 'connect',
        'pid': os.getpid(), 'netns': netns_of(), 'retrans': 0,
    }
    assert pick(fail, wanted) == wanted
    connect = trace.wait_for(event='connect', id=client_id)
    assert connect['lport'] == fail['lport'] and connect['ts'] <= fail['ts']
    assert trace.history(client_id) == ['connect', 'fail']


def test_refused_with_bound_port(trace, netns):
    with netns:
        client = tcp_socket()
        client.bind(('127.0.0.1', 7777))
        with pytest.raises(ConnectionRefusedError):
            client.connect(('127.0.0.1', 80))
    fail = trace.wait_for(event='fail', id=cookie(client))
    wanted = {'lport': 7777, 'lorigin': 'bound', 'rport': 80, 'rclass': 'well-known',
              'service': 'http', 'netns': netns.inode}
    assert pick(fail, wanted) == wanted
    client.close()


def test_refused_again_and_again(trace):
    """One fail for each connect, on one socket."""
    port = nobody()
    client = tcp_socket()
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            client.connect(('127.0.0.1', port))
    trace.wait_for(event='fail', id=cookie(client), count=3)
    assert trace.history(cookie(client)) == ['connect', 'fail'] * 3
    client.close()


# --- before the SYN -----------------------------------------------------------------------------

@pytest.mark.case('failures', 'no route')
@pytest.mark.parametrize('address, seen', [
    ('192.0.2.1', '192.0.2.1'), ('2001:db8::1', '2001:db8::1'), ('::ffff:192.0.2.1', '192.0.2.1')])
@pytest.mark.parametrize('blocking', [True, False], ids=['blocking', 'non-blocking'])
def test_no_route(trace, need, address, seen, blocking):
    need(trace, 'fail before the SYN')
    ns = Namespace(loopback=False)
    with ns:
        client = tcp_socket(address)
        client.setblocking(blocking)
        with pytest.raises(OSError) as error:
            client.connect((address, 4433))
    assert error.value.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL)
    fail = trace.wait_for(event='fail', id=cookie(client))
    wanted = {
        'error': errno.errorcode[error.value.errno], 'phase': 'local', 'raddr': seen, 'rport': 4433,
        'ipv': 6 if ':' in seen else 4, 'mapped': True if address.startswith('::ffff') else None,
        'attr': 'connect', 'pid': os.getpid(), 'netns': ns.inode, 'direction': 'out', 'lport': None,
    }
    assert pick(fail, wanted) == wanted
    assert trace.history(cookie(client)) == ['fail']
    client.close()
    ns.close()


@pytest.mark.case('failures', 'no free local port')
def test_no_local_port(trace, need, netns):
    need(trace, 'fail before the SYN')
    netns.sysctl('ipv4/ip_local_port_range', '61000 61000')
    with netns:
        listener = listen_on(port=5000)
        first = tcp_socket()
        first.connect(('127.0.0.1', 5000))
        assert port_of(first) == 61000
        second = tcp_socket()
        with pytest.raises(OSError) as error:
            second.connect(('127.0.0.1', 5000))
    assert error.value.errno == errno.EADDRNOTAVAIL
    fail = trace.wait_for(event='fail', id=cookie(second))
    wanted = {'error': 'EADDRNOTAVAIL', 'phase': 'local', 'raddr': '127.0.0.1', 'rport': 5000,
              'lport': None}
    assert pick(fail, wanted) == wanted
    assert trace.history(cookie(second)) == ['fail']
    for sock in first, second, listener:
        sock.close()


@pytest.mark.case('failures', 'calls that are no attempts')
def test_calls_that_are_no_attempts(trace):
    """connect() that the kernel refuses as such says nothing of the network."""
    with listen_on() as listener, tcp_socket() as client:
        client.connect(listener.getsockname())
        with pytest.raises(OSError) as error:  # connected already
            client.connect(listener.getsockname())
        assert error.value.errno == errno.EISCONN
        client_id = cookie(client)
    with tcp_socket() as client:
        for family, size in (socket.AF_INET, 15), (socket.AF_INET6, 28):  # too short, not its own
            name = ctypes.create_string_buffer(struct.pack('H', family), 28)
            assert libc.connect(client.fileno(), name, size) == -1
            assert ctypes.get_errno() in (errno.EINVAL, errno.EAFNOSUPPORT)
        assert libc.connect(client.fileno(), None, 16) == -1
        assert ctypes.get_errno() == errno.EFAULT
        other_id = cookie(client)
    trace.wait_for(event='close', id=client_id)
    assert trace.history(other_id) == []
    assert trace.history(client_id) == ['connect', 'established', 'close']


# --- no answer ----------------------------------------------------------------------------------

@pytest.fixture
def blackhole(netns):
    """A namespace with a route to 192.0.2.0/24 and nobody there: packets go round and are dropped."""
    netns.run('ip', 'route', 'add', '192.0.2.0/24', 'dev', 'lo', 'src', '127.0.0.1')
    return netns


@pytest.mark.case('failures', 'cancelled by close()')
def test_cancelled(trace, blackhole):
    """The process closes the socket before there is an answer."""
    with blackhole:
        client = tcp_socket()
        client.setblocking(False)
        assert client.connect_ex(('192.0.2.1', 80)) == errno.EINPROGRESS
    client_id, port = cookie(client), port_of(client)
    assert trace.history(client_id).count('fail') == 0
    client.close()
    fail = trace.wait_for(event='fail', id=client_id)
    wanted = {'error': 'ECANCELED', 'phase': 'cancelled', 'raddr': '192.0.2.1', 'rport': 80,
              'lport': port, 'pid': os.getpid(), 'netns': blackhole.inode}
    assert pick(fail, wanted) == wanted
    assert trace.history(client_id) == ['connect', 'fail']


def test_connect_is_told_before_its_outcome(trace, blackhole):
    with blackhole:
        client = tcp_socket()
        client.setblocking(False)
        assert client.connect_ex(('192.0.2.1', 80)) == errno.EINPROGRESS
    client_id = cookie(client)
    if trace.abilities['connect before its outcome']:
        trace.wait_for(event='connect', id=client_id)
        assert trace.history(client_id) == ['connect']
    client.close()
    trace.wait_for(event='fail', id=client_id)
    assert trace.history(client_id) == ['connect', 'fail']


def do_hang(address, port):
    set_comm(b'impatient')
    held['client'] = tcp_socket()
    held['client'].setblocking(False)
    held['client'].connect_ex((address, port))
    return cookie(held['client'])


@pytest.mark.case('failures', 'cancelled by exit')
def test_killed_while_connecting(trace, blackhole):
    with Process(netns=blackhole) as process:
        client_id = process.call(do_hang, '192.0.2.1', 80)
        pid = process.pid
        process.end()
    fail = trace.wait_for(event='fail', id=client_id)
    wanted = {'error': 'ECANCELED', 'phase': 'cancelled', 'pid': pid, 'comm': 'impatient'}
    assert pick(fail, wanted) == wanted
    assert trace.history(client_id) == ['connect', 'fail']


@pytest.mark.case('failures', 'cancelled by shutdown()')
def test_shutdown_while_connecting(trace, blackhole):
    """shutdown() gives up as well; close() afterwards adds nothing."""
    with blackhole:
        client = tcp_socket()
        client.setblocking(False)
        client.connect_ex(('192.0.2.1', 80))
    client_id = cookie(client)
    client.shutdown(socket.SHUT_RDWR)
    client.close()
    fail = trace.wait_for(event='fail', id=client_id)
    assert (fail['error'], fail['phase']) == ('ECANCELED', 'cancelled')
    assert trace.history(client_id) == ['connect', 'fail']


@pytest.mark.case('failures', 'timed out')
def test_timed_out(trace, blackhole):
    with blackhole:
        client = tcp_socket()
        client.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
        client.setblocking(False)
        assert client.connect_ex(('192.0.2.1', 80)) == errno.EINPROGRESS
    select.select([], [client], [])
    fail = trace.wait_for(event='fail', id=cookie(client))
    retrans = tcp_info(client, 100, 4)  # tcpi_total_retrans
    wanted = {'error': 'ETIMEDOUT', 'phase': 'handshake', 'retrans': retrans, 'pid': os.getpid(),
              'raddr': '192.0.2.1'}
    assert retrans > 0
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT
    assert pick(fail, wanted) == wanted
    assert trace.history(cookie(client)) == ['connect', 'fail']
    client.close()


def test_unreachable(trace, two_hosts):  # noqa: F811
    """A router on the way answers that it knows no way on."""
    a, _ = two_hosts
    with a:
        client = tcp_socket()
        with pytest.raises(OSError) as error:
            client.connect(('10.2.0.77', 80))
    fail = trace.wait_for(event='fail', id=cookie(client))
    wanted = {'error': errno.errorcode[error.value.errno], 'phase': 'handshake',
              'raddr': '10.2.0.77', 'laddr': '10.1.0.1'}
    assert fail['error'] in ('ENETUNREACH', 'EHOSTUNREACH')
    assert pick(fail, wanted) == wanted
    assert trace.history(cookie(client)) == ['connect', 'fail']
    client.close()
