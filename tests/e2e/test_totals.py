"""Totals of close: exact, by whatever way the bytes went, and told when the last of them is through."""
import os
import select
import socket
import threading

import pytest

import uring
from sockets import (Pair, Process, cookie, do_connect, held, listen_on, port_of, receive_all,
                     wait_for_end)
from test_owner import io_uring, workers  # noqa: F401, a fixture
from tracing import pick

SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000
SIZE = 300_000  # more than a socket takes at once


def check_totals(trace, pair, up, down=0):
    client = trace.wait_for(event='close', id=pair.client_id)
    server = trace.wait_for(event='close', id=pair.server_id)
    assert (client['tx_bytes'], client['rx_bytes']) == (up, down)
    assert (server['tx_bytes'], server['rx_bytes']) == (down, up)


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / 'payload'
    path.write_bytes(os.urandom(SIZE))
    with open(path, 'rb') as f:
        yield f


def receive_into(sock, data):
    thread = threading.Thread(target=lambda: data.extend(receive_all(sock, SIZE)))
    thread.start()
    return thread


@pytest.mark.case('close', 'totals of sendfile()')
def test_sendfile(trace, payload):
    pair, data = Pair(), bytearray()
    reader = receive_into(pair.server, data)
    sent = 0
    while sent < SIZE:
        sent += os.sendfile(pair.client.fileno(), payload.fileno(), sent, SIZE - sent)
    reader.join()
    pair.close()
    assert data == open(payload.name, 'rb').read()
    check_totals(trace, pair, SIZE)


@pytest.mark.case('close', 'totals of splice()')
def test_splice(trace, payload):
    """From a file into the one socket, and out of the other into a pipe."""
    pair = Pair()
    sender, receiver = os.pipe(), os.pipe()
    sent = received = 0
    while sent < SIZE:
        part = os.splice(payload.fileno(), sender[1], min(32768, SIZE - sent))
        while part:
            moved = os.splice(sender[0], pair.client.fileno(), part)
            part, sent = part - moved, sent + moved
        while received < sent:
            moved = os.splice(pair.server.fileno(), receiver[1], sent - received)
            received += len(os.read(receiver[0], moved))
    pair.close()
    for fd in sender + receiver:
        os.close(fd)
    check_totals(trace, pair, SIZE)


@pytest.mark.case('close', 'totals of MSG_ZEROCOPY')
def test_zerocopy(trace):
    pair, data = Pair(), bytearray()
    try:
        pair.client.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    except OSError as error:
        pytest.skip(f'no SO_ZEROCOPY: {error.strerror}')
    reader = receive_into(pair.server, data)
    wanted = os.urandom(SIZE)
    view, sent = memoryview(wanted), 0  # no copies: it is read when they leave
    while sent < SIZE:
        sent += pair.client.send(view[sent:sent + 65536], MSG_ZEROCOPY)
    reader.join()
    pair.close()
    assert data == wanted
    check_totals(trace, pair, SIZE)


@pytest.mark.case('close', 'totals of io_uring')
@workers
def test_io_uring(trace, io_uring, worker):  # noqa: F811
    pair, ring = Pair(), uring.Ring()
    for size in 1, 1000, 60000:
        ring.send(pair.client.fileno(), b'u' * size, worker=worker)
        got = b''
        while len(got) < size:
            got += ring.recv(pair.server.fileno(), size - len(got), worker=worker)
    ring.send(pair.server.fileno(), b'down', worker=worker)
    assert ring.recv(pair.client.fileno(), 100, worker=worker) == b'down'
    ring.end()
    pair.close()
    check_totals(trace, pair, 61001, 4)


@pytest.mark.case('close', 'totals of send() and recv()')
def test_messages(trace):
    """sendmsg() of several parts, looked at before it is read, and read in pieces."""
    pair = Pair()
    pair.client.sendmsg([b'one', b'', b'three'])
    assert pair.server.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL) == b'onethree'
    assert pair.server.recv(3) == b'one'
    assert pair.server.recvmsg(100)[0] == b'three'
    pair.client.send(b'!', socket.MSG_OOB)
    select.select([], [], [pair.server])
    assert pair.server.recv(1, socket.MSG_OOB) == b'!'
    pair.client.shutdown(socket.SHUT_WR)
    wait_for_end(pair.server)
    pair.close()
    check_totals(trace, pair, 9)


@pytest.mark.case('close', 'half-close')
@pytest.mark.case('close', "data after the peer's FIN")
def test_both_after_a_half_close(trace):
    """Megabytes go on in the one direction after the other one has ended."""
    pair, data = Pair(), bytearray()
    pair.client.sendall(b'question')
    pair.client.shutdown(socket.SHUT_WR)
    assert receive_all(pair.server, 100) == b'question'
    reader = receive_into(pair.client, data)
    pair.server.sendall(bytes(SIZE))
    reader.join()
    pair.server.close()
    wait_for_end(pair.client)
    pair.client.close()
    pair.listener.close()
    check_totals(trace, pair, len(b'question'), SIZE)
    assert trace.wait_for(event='close', id=pair.client_id)['reason'] == 'local'
    assert trace.wait_for(event='close', id=pair.server_id)['reason'] == 'remote'


# --- orphans ------------------------------------------------------------------------------------

def do_fill(name):
    """Send until nothing more is taken, and say how much that was."""
    sock, sent = held[name], 0
    sock.setblocking(False)
    try:
        while True:
            sent += sock.send(bytes(65536))
    except BlockingIOError:
        return sent


@pytest.mark.case('close', 'orphan that lingers')
def test_orphan(trace):
    """The process is gone, its bytes are still on their way: close comes when they are through."""
    listener = listen_on()
    with Process(b'long-gone') as process:
        client_id, _ = process.call(do_connect, '127.0.0.1', port_of(listener))
        server, _ = listener.accept()
        sent = process.call(do_fill, 'client')
        pid = process.pid
    with Pair() as marker:
        pass
    trace.wait_for(event='close', id=marker.server_id)
    trace.wait_for(event='close', id=marker.client_id)
    assert trace.history(client_id) == ['connect', 'established']
    got = 0
    while part := server.recv(1 << 20):
        got += len(part)
    assert got == sent
    server_id = cookie(server)
    server.close()
    listener.close()
    close = trace.wait_for(event='close', id=client_id)
    wanted = {'pid': pid, 'comm': 'long-gone', 'attr': 'connect', 'tx_bytes': sent, 'rx_bytes': 0,
              'reason': 'local', 'closer_pid': None}
    assert pick(close, wanted) == wanted
    assert close['ts'] > trace.wait_for(event='close', id=marker.client_id)['ts']
    assert trace.wait_for(event='close', id=server_id)['rx_bytes'] == sent
    assert trace.history(client_id) == ['connect', 'established', 'close']


@pytest.mark.case('close', 'orphan that lingers')
def test_orphan_that_is_reset(trace):
    """What the other end has not taken when it resets is not sent."""
    listener = listen_on()
    with Process(b'long-gone') as process:
        client_id, _ = process.call(do_connect, '127.0.0.1', port_of(listener))
        server, _ = listener.accept()
        process.call(do_fill, 'client')
        pid = process.pid
    trace.wait_for(event='established', id=client_id)
    assert 'close' not in trace.history(client_id)
    server_id = cookie(server)
    server.close()  # with unread data
    listener.close()
    close = trace.wait_for(event='close', id=client_id)
    wanted = {'pid': pid, 'comm': 'long-gone', 'attr': 'connect', 'reason': 'reset-received'}
    assert pick(close, wanted) == wanted
    assert trace.wait_for(event='close', id=server_id)['reason'] == 'reset-sent'
    assert trace.history(client_id) == ['connect', 'established', 'close']
