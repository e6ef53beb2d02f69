"""connect and established: a connection is opened from here."""
import ctypes
import errno
import os
import select
import socket
import threading

import pytest

from sockets import (Namespace, Pair, check_errno, cookie, libc, listen_on, netns_of, port_of,
                     set_comm, tcp_socket)
from tracing import pick

MSG_FASTOPEN = 0x20000000
TCP_FASTOPEN, TCP_FASTOPEN_CONNECT = 23, 30

# where the server listens, what the client connects to, and what is to be seen of the client
VERSIONS = {
    'ipv4': ('127.0.0.1', '127.0.0.1', {'ipv': 4, 'raddr': '127.0.0.1', 'mapped': None}),
    'ipv6': ('::1', '::1', {'ipv': 6, 'raddr': '::1', 'mapped': None}),
    'mapped': ('127.0.0.1', '::ffff:127.0.0.1', {'ipv': 4, 'raddr': '127.0.0.1', 'mapped': True}),
    'other-address': ('127.1.2.3', '127.1.2.3', {'ipv': 4, 'raddr': '127.1.2.3', 'mapped': None}),
}


@pytest.mark.case('tuples', 'local port never 0')
@pytest.mark.case('tuples', 'IPv4-mapped seen once, as IPv4')
@pytest.mark.parametrize('version', VERSIONS)
def test_socket_pair(trace, version):
    listen, connect, wanted = VERSIONS[version]
    with Pair(listen, connect) as pair:
        wanted = wanted | {
            'proto': 'tcp', 'id': pair.client_id, 'direction': 'out', 'attr': 'connect',
            'laddr': wanted['raddr'] if version != 'other-address' else '127.0.0.1',
            'lport': pair.client_port, 'rport': pair.port, 'lorigin': 'dynamic',
            'pid': os.getpid(), 'tid': os.getpid(), 'ppid': os.getppid(), 'uid': os.getuid(),
            'netns': netns_of(),
        }
        established = trace.wait_for(event='established', id=pair.client_id)
        assert pick(established, wanted) == wanted
        assert trace.history(pair.client_id) == ['connect', 'established']
        connect = trace.wait_for(event='connect', id=pair.client_id)
        assert pick(connect, wanted) == wanted
        assert connect['ts'] <= established['ts']
        assert established['handshake_us'] > 0
    trace.wait_for(event='close', id=pair.client_id)
    assert trace.history(pair.client_id) == ['connect', 'established', 'close']


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_bound_port(trace, address):
    """The process has named its own port."""
    probe = tcp_socket(address)
    probe.bind((address, 0))
    port = port_of(probe)
    probe.close()
    with Pair(address, bind=(address, port)) as pair:
        assert pair.client_port == port
        for kind in 'connect', 'established':
            event = trace.wait_for(event=kind, id=pair.client_id)
            assert (event['lport'], event['lorigin']) == (port, 'bound')


def test_bind_to_port_0_is_dynamic(trace):
    with Pair(bind=('127.0.0.1', 0)) as pair:
        event = trace.wait_for(event='established', id=pair.client_id)
        assert (event['lport'], event['lorigin']) == (pair.client_port, 'dynamic')


def test_non_blocking(trace):
    listener = listen_on()
    client = tcp_socket()
    client.setblocking(False)
    assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
    select.select([], [client], [])
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    trace.wait_for(event='established', id=cookie(client))
    assert trace.history(cookie(client)) == ['connect', 'established']
    client.close()
    listener.close()


def test_nobody_has_accepted_yet(trace):
    """established comes with the handshake, not with accept()."""
    listener = listen_on()
    client = tcp_socket()
    client.connect(listener.getsockname())
    event = trace.wait_for(event='established', id=cookie(client))
    assert event['rport'] == port_of(listener)
    client.close()
    listener.close()


@pytest.mark.case('owner', 'thread with another name')
def test_in_a_thread(trace):
    """comm is the process's name, tid the thread's number."""
    with open('/proc/self/comm', 'rb') as f:
        process = f.read().rstrip(b'\n').decode()
    listener = listen_on()
    seen = {}

    def connect():
        set_comm(b'some-thread')
        seen['tid'] = threading.get_native_id()
        with tcp_socket() as client:
            client.connect(listener.getsockname())
            seen['id'] = cookie(client)
    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    listener.close()
    for kind in 'connect', 'established', 'close':
        event = trace.wait_for(event=kind, id=seen['id'])
        assert (event['comm'], event['pid'], event['tid']) == (process, os.getpid(), seen['tid'])
        assert seen['tid'] != os.getpid()


@pytest.mark.case('tuples', 'connect() twice on one socket')
def test_same_socket_again_after_refusal(trace):
    closed = listen_on()
    nobody = closed.getsockname()
    closed.close()
    listener = listen_on()
    client = tcp_socket()
    with pytest.raises(ConnectionRefusedError):
        client.connect(nobody)
    client.connect(listener.getsockname())
    client_id, server_port = cookie(client), port_of(listener)
    client.close()
    listener.close()
    trace.wait_for(event='close', id=client_id)
    assert trace.history(client_id, 'rport') == [
        ('connect', nobody[1]), ('fail', nobody[1]),
        ('connect', server_port), ('established', server_port), ('close', server_port)]


@pytest.mark.case('tuples', 'AF_UNSPEC disconnect')
@pytest.mark.case('tuples', 'connect() twice on one socket')
def test_same_socket_again_after_disconnect(trace):
    """connect() to AF_UNSPEC ends the connection; the socket may open another."""
    listener = listen_on()
    client = tcp_socket()
    client_id = cookie(client)
    for _ in range(2):
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        check_errno(libc.connect(client.fileno(), ctypes.create_string_buffer(16), 16))
        server.close()
    trace.wait_for(event='close', id=client_id, count=2)
    assert trace.history(client_id) == ['connect', 'established', 'close'] * 2
    client.close()
    listener.close()


@pytest.mark.case('tuples', 'simultaneous open')
def test_to_itself(trace, netns):
    """A socket that connects to its own port: a simultaneous open."""
    with netns:
        client = tcp_socket()
        client.bind(('127.0.0.1', 5000))
        client.connect(('127.0.0.1', 5000))
    client_id = cookie(client)
    client.sendall(b'to myself')
    assert client.recv(100) == b'to myself'
    client.close()
    event = trace.wait_for(event='close', id=client_id)
    assert trace.history(client_id) == ['connect', 'established', 'close']
    assert (event['tx_bytes'], event['rx_bytes']) == (9, 9)
    assert (event['lport'], event['rport'], event['direction']) == (5000, 5000, 'out')


@pytest.mark.case('tuples', 'Fast Open by the client')
def test_fast_open(trace):
    """No connect() is called: sendto() opens the connection."""
    listener = listen_on()
    client = tcp_socket()
    client.sendto(b'early', MSG_FASTOPEN, listener.getsockname())
    server, _ = listener.accept()
    assert server.recv(100) == b'early'
    client_id = cookie(client)
    client.close()
    server.close()
    event = trace.wait_for(event='close', id=client_id)
    assert trace.history(client_id) == ['connect', 'established', 'close']
    assert event['tx_bytes'] == 5
    listener.close()


@pytest.mark.case('tuples', 'Fast Open with data in the SYN')
def test_fast_open_accepted(trace):
    """The SYN carries data, since the client has the server's cookie from the first connection."""
    ns = Namespace()
    ns.sysctl('ipv4/tcp_fastopen', '3')
    with ns:
        listener = tcp_socket()
        listener.bind(('127.0.0.1', 0))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        listener.listen()
        for _ in range(2):
            client = tcp_socket()
            client.sendto(b'early', MSG_FASTOPEN, listener.getsockname())
            server, _ = listener.accept()
            assert server.recv(100) == b'early'
            server.sendall(b'answer')
            assert client.recv(100) == b'answer'
            ids = cookie(client), cookie(server)
            client.close()
            server.close()
            out, into = (trace.wait_for(event='close', id=i) for i in ids)
            assert trace.history(ids[0]) == ['connect', 'established', 'close']
            assert trace.history(ids[1]) == ['accept', 'close']
            assert (out['tx_bytes'], out['rx_bytes']) == (5, 6)
            assert (into['tx_bytes'], into['rx_bytes']) == (6, 5)
    listener.close()
    ns.close()


@pytest.mark.case('tuples', 'Fast Open by the client')
def test_fast_open_by_connect(trace):
    """TCP_FASTOPEN_CONNECT: connect() only says where to, the first write opens the connection."""
    ns = Namespace()
    ns.sysctl('ipv4/tcp_fastopen', '3')
    with ns:
        listener = tcp_socket()
        listener.bind(('127.0.0.1', 0))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
        listener.listen()
        for _ in range(2):  # without the server's cookie, and with it
            client = tcp_socket()
            client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
            client.connect(listener.getsockname())
            client.sendall(b'early')
            server, _ = listener.accept()
            assert server.recv(100) == b'early'
            client_id = cookie(client)
            client.close()
            server.close()
            event = trace.wait_for(event='close', id=client_id)
            assert trace.history(client_id) == ['connect', 'established', 'close']
            assert (event['tx_bytes'], event['pid'], event['attr']) == (5, os.getpid(), 'connect')
            assert event['lport'] != 0
    listener.close()
    ns.close()


@pytest.mark.case('tuples', 'listen() after connect() failed')
def test_listen_after_refusal(trace, need):
    """The socket of a failed attempt turns into a server's."""
    need(trace, 'accept')
    with listen_on() as closed:
        nobody = closed.getsockname()
    sock = tcp_socket()
    with pytest.raises(ConnectionRefusedError):
        sock.connect(nobody)
    sock.bind(('127.0.0.1', 0))
    sock.listen()
    sock_id, port = cookie(sock), port_of(sock)
    with tcp_socket() as client:
        client.connect(sock.getsockname())
        server, _ = sock.accept()
        server_id = cookie(server)
    server.close()
    sock.close()
    trace.wait_for(event='unlisten', id=sock_id)
    trace.wait_for(event='close', id=server_id)
    assert trace.history(sock_id, 'rport', 'attr') == [
        ('connect', nobody[1], 'connect'), ('fail', nobody[1], 'connect'),
        ('listen', None, 'listen'), ('unlisten', None, 'listen')]
    assert trace.history(server_id, 'lport', 'attr') == [
        ('accept', port, 'accept'), ('close', port, 'accept')]
