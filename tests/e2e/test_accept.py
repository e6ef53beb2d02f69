"""accept: a process takes a connection that came in, and who owns it until then."""
import os
import select
import socket
import threading

import pytest

from sockets import (Pair, Process, cookie, do_accept, do_close, do_connect, do_listen, held,
                     listen_on, netns_of, port_of, reset_on_close, set_comm, tcp_socket,
                     wait_until_blocked)
from tracing import pick

SYS_ACCEPT, SYS_ACCEPT4 = 43, 288  # x86-64

VERSIONS = {
    'ipv4': ('127.0.0.1', '127.0.0.1', {'ipv': 4, 'laddr': '127.0.0.1', 'mapped': None}),
    'ipv6': ('::1', '::1', {'ipv': 6, 'laddr': '::1', 'mapped': None}),
    'dual-stack': ('::', '127.0.0.1', {'ipv': 4, 'laddr': '127.0.0.1', 'mapped': True}),
    'dual-stack-ipv6': ('::', '::1', {'ipv': 6, 'laddr': '::1', 'mapped': None}),
    'any': ('0.0.0.0', '127.0.0.1', {'ipv': 4, 'laddr': '127.0.0.1', 'mapped': None}),
}


@pytest.mark.parametrize('version', VERSIONS)
def test_socket_pair(trace, need, version):
    need(trace, 'accept')
    listen, connect, wanted = VERSIONS[version]
    with Pair(listen, connect) as pair:
        wanted = wanted | {
            'proto': 'tcp', 'id': pair.server_id, 'direction': 'in', 'attr': 'accept',
            'raddr': wanted['laddr'], 'rport': pair.client_port, 'lport': pair.port,
            'pid': os.getpid(), 'tid': os.getpid(), 'ppid': os.getppid(), 'uid': os.getuid(),
            'netns': netns_of(), 'peer_pid': os.getpid(),
        }
        accept = trace.wait_for(event='accept', id=pair.server_id)
        assert pick(accept, wanted) == wanted
        assert accept['peer_comm'] == accept['comm']
    close = trace.wait_for(event='close', id=pair.server_id)
    assert pick(close, wanted) == wanted
    assert trace.history(pair.server_id) == ['accept', 'close']


@pytest.mark.parametrize('bound', [False, True], ids=['port 0', 'port named'])
def test_lorigin_is_the_listeners(trace, need, bound, netns):
    need(trace, 'accept')
    with netns:
        with Pair(port=8080 if bound else 0) as pair:
            pass
    accept = trace.wait_for(event='accept', id=pair.server_id)
    assert accept['lorigin'] == ('bound' if bound else 'dynamic')


@pytest.mark.case('owner', "child made in the client's task on loopback")
@pytest.mark.case('loopback', 'both ends on this machine')
def test_peers(trace, need):
    """Both ends on this machine, in two processes: each end knows the other."""
    need(trace, 'accept')
    with Process(b'the-server') as server, Process(b'the-client') as client:
        _, port = server.call(do_listen, '127.0.0.1')
        client_id, _ = client.call(do_connect, '127.0.0.1', port)
        server_id = server.call(do_accept)
        client.call(do_close, 'client')
        server.call(do_close, 'server')
        to_client = {'pid': server.pid, 'comm': 'the-server',
                     'peer_pid': client.pid, 'peer_comm': 'the-client'}
        to_server = {'pid': client.pid, 'comm': 'the-client',
                     'peer_pid': server.pid, 'peer_comm': 'the-server'}
        for kind in 'accept', 'close':
            assert pick(trace.wait_for(event=kind, id=server_id), to_client) == to_client
        assert pick(trace.wait_for(event='close', id=client_id), to_server) == to_server
        # best effort in established: absent or right, never another
        established = trace.wait_for(event='established', id=client_id)
        assert established.get('peer_pid') in (None, server.pid)


@pytest.mark.case('owner', 'accept by a worker of a pre-forked server')
def test_worker_of_a_forked_server(trace, need):
    """The one that accepts is the owner, not the one that listens."""
    need(trace, 'accept')
    listener = listen_on()
    held['listener'] = listener
    with Process(b'worker-1', keep=[listener]) as one, Process(b'worker-2', keep=[listener]) as two:
        for worker, comm in (one, 'worker-1'), (two, 'worker-2'), (one, 'worker-1'):
            worker.begin(do_accept)
            client = tcp_socket()
            client.connect(listener.getsockname())
            server_id = worker.result()
            wanted = {'pid': worker.pid, 'comm': comm, 'attr': 'accept', 'ppid': os.getpid()}
            assert pick(trace.wait_for(event='accept', id=server_id), wanted) == wanted
            worker.call(do_close, 'server')
            client.close()
            assert pick(trace.wait_for(event='close', id=server_id), wanted) == wanted
    del held['listener']
    listener.close()


def do_listen_reuseport(address, port):
    sock = held['listener'] = tcp_socket(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address, port))
    sock.listen(64)
    sock.setblocking(False)
    return port_of(sock)


def do_accept_all():
    """Accept and close what is in the queue."""
    ids = []
    while True:
        try:
            server, _ = held['listener'].accept()
        except BlockingIOError:
            return ids
        ids.append(cookie(server))
        server.close()


@pytest.mark.case('owner', 'SO_REUSEPORT')
def test_reuseport(trace, need):
    """Two processes share one port: each connection belongs to the one that accepts it."""
    need(trace, 'accept')
    with Process(b'share-1') as one, Process(b'share-2') as two:
        port = one.call(do_listen_reuseport, '127.0.0.1', 0)
        two.call(do_listen_reuseport, '127.0.0.1', port)
        clients = [tcp_socket() for _ in range(20)]
        for client in clients:
            client.connect(('127.0.0.1', port))
        got = {one: one.call(do_accept_all), two: two.call(do_accept_all)}
        assert sum(map(len, got.values())) == len(clients)
        for process, ids in got.items():
            for server_id in ids:
                assert trace.wait_for(event='accept', id=server_id)['pid'] == process.pid
                assert trace.wait_for(event='close', id=server_id)['pid'] == process.pid
        for client in clients:
            client.close()


def test_non_blocking(trace, need):
    need(trace, 'accept')
    listener = listen_on()
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    client = tcp_socket()
    client.connect(listener.getsockname())
    select.select([listener], [], [])
    server, _ = listener.accept()
    assert trace.wait_for(event='accept', id=cookie(server))['pid'] == os.getpid()
    for sock in client, server, listener:
        sock.close()


@pytest.mark.case('owner', 'thread with another name')
def test_in_a_thread(trace, need):
    """comm is the process's name, tid the thread's number."""
    need(trace, 'accept')
    with open('/proc/self/comm', 'rb') as f:
        process = f.read().rstrip(b'\n').decode()
    listener = listen_on()
    seen = {}

    def accept():
        set_comm(b'some-thread')
        seen['tid'] = threading.get_native_id()
        server, _ = listener.accept()
        seen['id'] = cookie(server)
        server.close()
    thread = threading.Thread(target=accept)
    thread.start()
    with tcp_socket() as client:
        client.connect(listener.getsockname())
        thread.join()
    listener.close()
    for kind in 'accept', 'close':
        event = trace.wait_for(event=kind, id=seen['id'])
        assert (event['comm'], event['pid'], event['tid']) == (process, os.getpid(), seen['tid'])


def test_order_of_the_queue(trace, need):
    """Several wait: each accept has the addresses of its own connection."""
    need(trace, 'accept')
    listener = listen_on()
    clients = [tcp_socket() for _ in range(5)]
    for client in clients:
        client.connect(listener.getsockname())
    for client in clients:
        server, _ = listener.accept()
        event = trace.wait_for(event='accept', id=cookie(server))
        assert event['rport'] == port_of(client)
        server.close()
        client.close()
    listener.close()


@pytest.mark.case('owner', 'accept() that waited before the trace')
def test_waiting_before_the_trace_began(tracer):
    """accept() was called before there was a tracer."""
    with Process(b'early-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        server.begin(do_accept)
        wait_until_blocked(server.pid, SYS_ACCEPT4)
        trace = tracer('-t')
        client = tcp_socket()
        client.connect(('127.0.0.1', port))
        client_port = port_of(client)
        server_id = server.result()
        client.close()
        server.call(do_close, 'server')
        close = trace.wait_for(event='close', lport=port, rport=client_port)
        trace.stop()
        if not trace.abilities['accept']:
            return
        if trace.abilities['accept that waited']:
            assert close['id'] == server_id
            assert (close['pid'], close['attr']) == (server.pid, 'accept')
            assert trace.history(server_id) == ['accept', 'close']
        else:  # said by probe; the connection is told all the same
            assert trace.history(close['id']) == ['close']
            assert close['reason'] == 'remote'


# --- never accepted, or too late ----------------------------------------------------------------

def close_of_child(trace, port, client_port):
    return trace.wait_for(event='close', lport=port, rport=client_port)


@pytest.mark.case('owner', 'never accepted')
@pytest.mark.case('close', 'never-accepted')
def test_never_accepted(trace):
    """The listener is closed with a connection in its queue: one close, owner the listener's."""
    with Process(b'idle-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        client = tcp_socket()
        client.connect(('127.0.0.1', port))
        server.call(do_close, 'listener')
        wanted = {'reason': 'never-accepted', 'attr': 'listener', 'direction': 'in',
                  'pid': server.pid, 'comm': 'idle-server', 'laddr': '127.0.0.1'}
        close = close_of_child(trace, port, port_of(client))
        assert pick(close, wanted) == wanted
        assert trace.history(close['id']) == ['close']
        at_client = trace.wait_for(event='close', id=cookie(client))
        assert at_client['reason'] == 'reset-received'
        client.close()


@pytest.mark.case('close', 'never-accepted')
def test_client_has_left_and_never_accepted(trace):
    with Process(b'idle-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        client = tcp_socket()
        client.connect(('127.0.0.1', port))
        client_port = port_of(client)
        client.close()
        server.call(do_close, 'listener')
        close = close_of_child(trace, port, client_port)
        assert (close['reason'], close['pid']) == ('never-accepted', server.pid)
        assert trace.history(close['id']) == ['close']


@pytest.mark.case('close', 'never-accepted')
def test_reset_and_never_accepted(trace):
    with Process(b'idle-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        client = tcp_socket()
        client.connect(('127.0.0.1', port))
        client_port = port_of(client)
        reset_on_close(client)
        client.close()
        server.call(do_close, 'listener')
        close = close_of_child(trace, port, client_port)
        assert (close['reason'], close['pid']) == ('never-accepted', server.pid)
        assert trace.history(close['id']) == ['close']


def test_reset_before_accept(trace, need):
    """accept() returns a connection that is already over: first accept, then its close."""
    need(trace, 'accept')
    listener = listen_on()
    client = tcp_socket()
    client.connect(listener.getsockname())
    client.sendall(b'last words')
    reset_on_close(client)
    client.close()
    server, _ = listener.accept()
    server_id = cookie(server)
    server.close()
    listener.close()
    close = trace.wait_for(event='close', id=server_id)
    assert trace.history(server_id) == ['accept', 'close']
    wanted = {'reason': 'reset-received', 'attr': 'accept', 'pid': os.getpid(), 'rx_bytes': 10,
              'tx_bytes': 0}
    assert pick(close, wanted) == wanted
    accept = trace.wait_for(event='accept', id=server_id)
    assert accept['lport'] == close['lport'] and accept['rport'] == close['rport']


def test_closed_before_accept(trace, need):
    """The client has sent all and closed before anybody accepts."""
    need(trace, 'accept')
    listener = listen_on()
    client = tcp_socket()
    client.connect(listener.getsockname())
    client.sendall(b'all there is')
    client.close()
    server, _ = listener.accept()
    assert server.recv(100) == b'all there is'
    assert server.recv(100) == b''
    server_id = cookie(server)
    server.close()
    listener.close()
    close = trace.wait_for(event='close', id=server_id)
    assert trace.history(server_id) == ['accept', 'close']
    assert (close['reason'], close['rx_bytes']) == ('remote', 12)
