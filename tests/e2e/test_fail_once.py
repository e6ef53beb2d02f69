"""fail: one for each attempt, however often the process asks what has become of it."""
import ctypes
import errno
import os
import signal
import socket
import struct

import pytest

from sockets import (Process, cookie, held, libc, listen_on, port_of, tcp_socket,
                     wait_until_blocked)
from test_fail import blackhole, nobody  # noqa: F401, a fixture
from test_refusals import routed, wait_for_outcome  # noqa: F401, a fixture
from tracing import pick

SYS_CONNECT = 42  # x86-64
TCP_SYNCNT = 7


def connect_raw(sock, address, port):
    """connect() as the kernel answers it: 0 or an errno. Python's own goes on after EINTR."""
    name = struct.pack('=H', socket.AF_INET) + struct.pack('!H', port) + socket.inet_aton(address)
    name = ctypes.create_string_buffer(name, 16)
    return ctypes.get_errno() if libc.connect(sock.fileno(), name, 16) else 0


def begin(address, port):
    """A non-blocking attempt, under way or over."""
    sock = tcp_socket(address)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
    sock.setblocking(False)
    assert connect_raw(sock, address, port) == errno.EINPROGRESS
    return sock


def so_error(sock):
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def check_history(trace, sock, wanted):
    """All that was told of a socket, once it is closed and other traffic has come after it."""
    socket_id = cookie(sock)
    sock.close()
    with listen_on() as listener, tcp_socket() as marker:
        marker.connect(listener.getsockname())
        marker_id = cookie(marker)
    trace.wait_for(event='close', id=marker_id)
    if ('close', None) in wanted:  # the other end may take its time to acknowledge the FIN
        trace.wait_for(event='close', id=socket_id)
    assert trace.history(socket_id, 'error') == wanted


def failed(error):
    return [('connect', None), ('fail', errno.errorcode[error])]


@pytest.mark.case('failures', 'second connect() that fetches the error')
def test_second_connect(trace):
    """The second call reports how the first attempt ended; the third one is an attempt again."""
    port = nobody()
    client = begin('127.0.0.1', port)
    wait_for_outcome(client)
    assert connect_raw(client, '127.0.0.1', port) == errno.ECONNREFUSED
    assert connect_raw(client, '127.0.0.1', port) == errno.EINPROGRESS
    wait_for_outcome(client)
    assert connect_raw(client, '127.0.0.1', port) == errno.ECONNREFUSED
    check_history(trace, client, failed(errno.ECONNREFUSED) * 2)


@pytest.mark.case('failures', 'second connect() that fetches the error')
@pytest.mark.parametrize('wanted', [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH],
                         ids=errno.errorcode.get)
def test_second_connect_after_no_answer(trace, routed, wanted):  # noqa: F811
    """Errors that the routing table could have given as well, before any SYN."""
    host, router = routed
    if wanted == errno.ETIMEDOUT:
        router.sysctl('ipv4/ip_forward', '0')
    elif wanted == errno.EHOSTUNREACH:
        router.run('ip', 'route', 'add', 'unreachable', '192.0.2.0/24')
    with host:
        client = begin('192.0.2.1', 80)
        assert connect_raw(client, '192.0.2.1', 80) == errno.EALREADY
        wait_for_outcome(client)
        assert connect_raw(client, '192.0.2.1', 80) == wanted
    check_history(trace, client, failed(wanted))


@pytest.mark.case('failures', 'error fetched by SO_ERROR, then connect() again')
def test_so_error_then_connect(trace):
    """The call after SO_ERROR only says ECONNABORTED, and is no attempt."""
    port = nobody()
    client = begin('127.0.0.1', port)
    wait_for_outcome(client)
    assert so_error(client) == errno.ECONNREFUSED
    assert connect_raw(client, '127.0.0.1', port) == errno.ECONNABORTED
    with listen_on() as listener:
        assert connect_raw(client, '127.0.0.1', port_of(listener)) in (0, errno.EINPROGRESS)
        wait_for_outcome(client)
        assert so_error(client) == 0
        assert connect_raw(client, '127.0.0.1', port_of(listener)) == 0
        assert connect_raw(client, '127.0.0.1', port_of(listener)) == errno.EISCONN
        check_history(trace, client, failed(errno.ECONNREFUSED) + [
            ('connect', None), ('established', None), ('close', None)])


@pytest.mark.case('failures', 'second connect() that fetches the error')
def test_second_connect_of_a_success(trace, blackhole):  # noqa: F811
    """It says 0 when the connection is there, and that is no second one."""
    with blackhole:
        client = begin('192.0.2.1', 80)
        assert connect_raw(client, '192.0.2.1', 80) == errno.EALREADY
        blackhole.run('ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo')
        with listen_on('0.0.0.0', 80):
            wait_for_outcome(client)
            assert connect_raw(client, '192.0.2.1', 80) == 0
            check_history(trace, client, [('connect', None), ('established', None), ('close', None)])


# --- port 0 -------------------------------------------------------------------------------------

@pytest.mark.case('failures', 'connect to port 0')
@pytest.mark.parametrize('address, seen', [
    ('127.0.0.1', '127.0.0.1'), ('::1', '::1'), ('::ffff:127.0.0.1', '127.0.0.1')])
@pytest.mark.parametrize('blocking', [True, False], ids=['blocking', 'non-blocking'])
def test_port_0(trace, address, seen, blocking):
    """A SYN to port 0 leaves like any other, and is refused."""
    client = tcp_socket(address)
    client.setblocking(blocking)
    error = client.connect_ex((address, 0))
    if error == errno.EINPROGRESS:
        wait_for_outcome(client)
        error = so_error(client)
    assert error == errno.ECONNREFUSED
    fail = trace.wait_for(event='fail', id=cookie(client))
    wanted = {'error': 'ECONNREFUSED', 'phase': 'handshake', 'raddr': seen, 'rport': 0,
              'pid': os.getpid(), 'rclass': 'well-known'}
    assert pick(fail, wanted) == wanted
    assert fail['lport'] != 0
    check_history(trace, client, failed(error))


# --- signals ------------------------------------------------------------------------------------

def do_prepare(address):
    held['interrupts'] = []
    signal.signal(signal.SIGUSR1, lambda *_: held['interrupts'].append(1))
    sock = held['client'] = tcp_socket(address)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 4)
    return cookie(sock)


def do_connect_raw(address, port):
    return connect_raw(held['client'], address, port)


@pytest.mark.case('failures', 'connect() interrupted by a signal')
@pytest.mark.parametrize('end', ['established', 'cancelled'])
def test_interrupted(trace, blackhole, end):  # noqa: F811
    """EINTR is no outcome: the attempt goes on, and connect() may be called again to wait for it."""
    with Process(b'interrupted', netns=blackhole) as process:
        client_id = process.call(do_prepare, '192.0.2.1')
        process.begin(do_connect_raw, '192.0.2.1', 80)
        wait_until_blocked(process.pid, SYS_CONNECT)
        os.kill(process.pid, signal.SIGUSR1)
        assert process.result() == errno.EINTR
        assert 'fail' not in trace.history(client_id)
        if end == 'established':
            process.begin(do_connect_raw, '192.0.2.1', 80)
            wait_until_blocked(process.pid, SYS_CONNECT)
            blackhole.run('ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo')
            with blackhole, listen_on('0.0.0.0', 80):
                assert process.result() == 0
            wanted = [('connect', None), ('established', None), ('close', None)]
        else:
            wanted = failed(errno.ECANCELED)
        process.end()
        trace.wait_for(event=wanted[-1][0], id=client_id)
    assert trace.history(client_id, 'error') == wanted


@pytest.mark.case('failures', 'cancelled by exit')
def test_killed_in_connect(trace, blackhole):  # noqa: F811
    """While it waits in a blocking connect()."""
    with Process(b'to-be-killed', netns=blackhole) as process:
        client_id = process.call(do_prepare, '192.0.2.1')
        process.begin(do_connect_raw, '192.0.2.1', 80)
        wait_until_blocked(process.pid, SYS_CONNECT)
        pid = process.pid
        process.end()
    fail = trace.wait_for(event='fail', id=client_id)
    wanted = {'error': 'ECANCELED', 'phase': 'cancelled', 'pid': pid, 'comm': 'to-be-killed'}
    assert pick(fail, wanted) == wanted
    assert trace.history(client_id) == ['connect', 'fail']
