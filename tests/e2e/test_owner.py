"""The owner: who opened the connection, whatever becomes of the socket and of the process."""
import os
import shutil
import socket
import subprocess

import pytest

import uring
from sockets import (Process, check_errno, cgroup_of, cookie, do_accept, do_close, do_connect,
                     do_listen, held, libc, listen_on, port_of, receive_all, tcp_socket,
                     wait_for_end, wait_until_blocked)
from tracing import pick

CLONE_NEWPID = 0x20000000


# --- somebody else goes on with it --------------------------------------------------------------

def do_use(name, data):
    """As a worker does: answer, and close."""
    held[name].sendall(data)
    do_close(name)


def do_adopt(name, fd):
    held[name] = socket.socket(fileno=fd)


@pytest.mark.case('owner', 'accepted by a parent, used and closed by a child')
def test_accepted_by_a_parent_and_used_by_a_child(trace, need):
    need(trace, 'accept')
    with listen_on() as listener, tcp_socket() as client:
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        server_id = cookie(server)
        held['server'] = server
        with Process(b'the-child', keep=[server]) as child:
            held.pop('server').close()
            child.call(do_use, 'server', b'hello')
            assert receive_all(client, 100) == b'hello'
            client.close()
            close = trace.wait_for(event='close', id=server_id)
            wanted = {'pid': os.getpid(), 'attr': 'accept', 'closer_pid': child.pid,
                      'closer_comm': 'the-child', 'tx_bytes': 5, 'rx_bytes': 0, 'reason': 'local'}
            assert pick(close, wanted) == wanted
    assert trace.history(server_id) == ['accept', 'close']


def do_pass(name):
    """Send a socket's descriptor, and keep none."""
    sock = held.pop(name)
    socket.send_fds(held['letterbox'], [b'x'], [sock.fileno()])
    sock.close()


def do_take_over(name):
    _, (fd,), _, _ = socket.recv_fds(held['letterbox'], 1, 1)
    do_adopt(name, fd)


@pytest.mark.case('owner', 'descriptor passed over a unix socket')
@pytest.mark.parametrize('end', ['client', 'server'])
def test_passed_over_a_unix_socket(trace, need, end):
    """It stays with the one that opened it; the one that got it closes it."""
    need(trace, 'accept')
    boxes = socket.socketpair()
    held['letterbox'] = boxes[0]
    opener = Process(b'the-opener', keep=[boxes[0]])
    held['letterbox'] = boxes[1]
    heir = Process(b'the-heir', keep=[boxes[1]])
    del held['letterbox']
    with opener, heir:
        if end == 'client':
            with listen_on() as listener:
                socket_id, _ = opener.call(do_connect, '127.0.0.1', port_of(listener))
                other, _ = listener.accept()
        else:
            _, port = opener.call(do_listen, '127.0.0.1')
            other = tcp_socket()
            other.connect(('127.0.0.1', port))
            socket_id = opener.call(do_accept)
        opener.call(do_pass, end)
        heir.call(do_take_over, end)
        heir.call(do_use, end, b'from the heir')
        assert receive_all(other, 100) == b'from the heir'
        other.close()
        close = trace.wait_for(event='close', id=socket_id)
        wanted = {'pid': opener.pid, 'comm': 'the-opener', 'tx_bytes': 13, 'rx_bytes': 0,
                  'attr': 'connect' if end == 'client' else 'accept',
                  'closer_pid': heir.pid, 'closer_comm': 'the-heir', 'reason': 'local'}
        assert pick(close, wanted) == wanted
    for box in boxes:
        box.close()


# --- processes ----------------------------------------------------------------------------------

@pytest.mark.case('owner', 'process that lives for two milliseconds')
@pytest.mark.parametrize('attempt', range(3))
def test_short_lived(trace, tmp_path, attempt):
    """A program that connects and is gone, with all of it, before its events can be read."""
    program = shutil.copy('/bin/bash', tmp_path / f'brief-{attempt}')
    with listen_on() as listener:
        port = port_of(listener)
        child = subprocess.Popen([program, '-c', f'exec 3<>/dev/tcp/127.0.0.1/{port}'])
        assert child.wait() == 0
        server, _ = listener.accept()
        wait_for_end(server)
        server.close()
    wanted = {'pid': child.pid, 'comm': f'brief-{attempt}', 'exe': str(program), 'ppid': os.getpid(),
              'cgroup': cgroup_of(), 'attr': 'connect', 'closer_pid': None, 'rport': port}
    for kind in 'connect', 'established', 'close':
        assert pick(trace.wait_for(event=kind, rport=port), wanted) == wanted


def connect_as_first(pipe, address, port):
    """In the new pid namespace: this process has number 1 there."""
    sock = tcp_socket()
    sock.connect((address, port))
    os.write(pipe, b'%d %d' % (os.getpid(), cookie(sock)))
    sock.close()


def do_connect_in_pid_namespace(address, port):
    check_errno(libc.unshare(CLONE_NEWPID))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            connect_as_first(writer, address, port)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    inside, client_id = map(int, os.read(reader, 100).split())
    return child, inside, client_id


@pytest.mark.case('owner', 'pid namespace')
def test_pid_namespace(trace):
    """The pid is that of the initial namespace, which is what everybody else sees."""
    with listen_on() as listener, Process(b'in-a-container') as process:
        pid, inside, client_id = process.call(do_connect_in_pid_namespace, '127.0.0.1', port_of(listener))
        parent = process.pid
    assert inside == 1
    close = trace.wait_for(event='close', id=client_id)
    wanted = {'pid': pid, 'tid': pid, 'ppid': parent, 'comm': 'in-a-container', 'closer_pid': None}
    assert pick(close, wanted) == wanted
    assert pick(trace.wait_for(event='connect', id=client_id), wanted) == wanted


# --- io_uring -----------------------------------------------------------------------------------

def do_ring_connect(address, port, worker):
    sock = held['client'] = tcp_socket()
    uring.ring().connect(sock.fileno(), address, port, worker=worker)
    return cookie(sock)


def do_ring_accept(worker):
    do_adopt('server', uring.ring().accept(held['listener'].fileno(), worker=worker))
    return cookie(held['server'])


def do_ring_close(name, worker):
    uring.ring().close_socket(held.pop(name).detach(), worker=worker)


@pytest.fixture
def io_uring():
    missing = uring.is_missing()
    if missing:
        pytest.skip(missing)


workers = pytest.mark.parametrize('worker', [False, True], ids=['in the call', 'by a worker'])


@pytest.mark.case('owner', 'io_uring connect')
@workers
def test_io_uring_connect(trace, io_uring, worker):
    """The process is named, never the thread that works for it in the kernel."""
    with listen_on() as listener, Process(b'ring-client') as client:
        port = port_of(listener)
        client_id = client.call(do_ring_connect, '127.0.0.1', port, worker)
        server, _ = listener.accept()
        client.call(do_ring_close, 'client', worker)
        wait_for_end(server)
        server.close()
        wanted = {'pid': client.pid, 'comm': 'ring-client', 'attr': 'connect', 'closer_pid': None}
        for kind in 'connect', 'established', 'close':
            assert pick(trace.wait_for(event=kind, id=client_id), wanted) == wanted
    assert trace.history(client_id) == ['connect', 'established', 'close']


@pytest.mark.case('owner', 'io_uring accept')
@workers
def test_io_uring_accept(trace, need, io_uring, worker):
    need(trace, 'accept')
    with Process(b'ring-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        server.begin(do_ring_accept, worker)
        client = tcp_socket()
        client.connect(('127.0.0.1', port))
        server_id = server.result()
        server.call(do_ring_close, 'server', worker)
        wait_for_end(client)
        client_id = cookie(client)
        client.close()
        wanted = {'pid': server.pid, 'comm': 'ring-server', 'attr': 'accept', 'closer_pid': None}
        for kind in 'accept', 'close':
            assert pick(trace.wait_for(event=kind, id=server_id), wanted) == wanted
        assert trace.wait_for(event='close', id=client_id)['peer_pid'] == server.pid
    assert trace.history(server_id) == ['accept', 'close']


@pytest.mark.case('owner', 'accept() that waited before the trace')
@pytest.mark.case('owner', 'io_uring accept')
def test_io_uring_accept_that_waited(tracer, io_uring):
    """It was submitted before there was a tracer, and its connection came afterwards."""
    with Process(b'early-server') as server:
        _, port = server.call(do_listen, '127.0.0.1')
        server.begin(do_ring_accept, False)
        wait_until_blocked(server.pid, uring.SYS_IO_URING_ENTER)
        trace = tracer('-t')
        with tcp_socket() as client:
            client.connect(('127.0.0.1', port))
            server_id = server.result()
        server.call(do_close, 'server')
        close = trace.wait_for(event='close', lport=port)
        trace.stop()
        if not trace.abilities['accept'] or not trace.abilities['accept that waited']:
            return
        wanted = {'id': server_id, 'pid': server.pid, 'comm': 'early-server', 'attr': 'accept'}
        assert pick(close, wanted) == wanted
        assert trace.history(server_id) == ['accept', 'close']


@pytest.mark.case('owner', 'io_uring connect')
@pytest.mark.case('failures', 'refused')
@workers
def test_io_uring_refused(trace, io_uring, worker):
    with listen_on() as listener:
        port = port_of(listener)
    with Process(b'ring-client') as client:
        with pytest.raises(AssertionError, match='ECONNREFUSED|Connection refused'):
            client.call(do_ring_connect, '127.0.0.1', port, worker)
        fail = trace.wait_for(event='fail', rport=port)
        wanted = {'pid': client.pid, 'comm': 'ring-client', 'error': 'ECONNREFUSED',
                  'phase': 'handshake'}
        assert pick(fail, wanted) == wanted
        assert trace.history(fail['id']) == ['connect', 'fail']
