"""close: who ended a connection and how, and its totals."""
import os
import signal
import socket
import threading

import pytest

from sockets import (TIMEOUT, Namespace, Pair, Process, cookie, do_accept, do_close, do_connect,
                     do_listen, held, listen_on, port_of, reset_on_close, tcp_info, tcp_socket,
                     wait_for_end)
from tracing import pick

TCP_USER_TIMEOUT = 18


def ends(trace, pair):
    """The two closes, the client's and the server's."""
    return (trace.wait_for(event='close', id=pair.client_id),
            trace.wait_for(event='close', id=pair.server_id))


# --- reasons ------------------------------------------------------------------------------------

@pytest.mark.case('close', 'local and remote')
@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
@pytest.mark.parametrize('first', ['client', 'server'])
def test_who_closed_first(trace, first, address):
    pair = Pair(address)
    pair.exchange(b'up', b'down')
    pair.close(first)
    client, server = ends(trace, pair)
    wanted = ('local', 'remote') if first == 'client' else ('remote', 'local')
    assert (client['reason'], server['reason']) == wanted
    # the owner stays the same, whoever closes first
    assert (client['pid'], client['attr']) == (os.getpid(), 'connect')
    assert server['pid'] == os.getpid()
    assert 'closer_pid' not in client and 'closer_pid' not in server


@pytest.mark.case('close', 'half-close')
@pytest.mark.case('close', "data after the peer's FIN")
def test_half_closed(trace):
    """shutdown() by one end, data from the other one afterwards."""
    pair = Pair()
    pair.client.shutdown(socket.SHUT_WR)
    assert pair.server.recv(1) == b''
    pair.server.sendall(b'x' * 1000)
    assert pair.client.recv(1000, socket.MSG_WAITALL) == b'x' * 1000
    pair.server.close()
    assert pair.client.recv(1) == b''
    pair.client.close()
    pair.listener.close()
    client, server = ends(trace, pair)
    assert (client['reason'], server['reason']) == ('local', 'remote')
    assert (client['rx_bytes'], server['tx_bytes']) == (1000, 1000)
    assert (client['tx_bytes'], server['rx_bytes']) == (0, 0)


@pytest.mark.case('close', 'reset-sent and reset-received')
def test_linger_0(trace):
    pair = Pair()
    pair.exchange(b'up', b'down')
    reset_on_close(pair.client)
    pair.client.close()
    client, server = ends(trace, pair)
    assert (client['reason'], server['reason']) == ('reset-sent', 'reset-received')
    pair.server.close()
    pair.listener.close()


@pytest.mark.case('close', 'reset-sent and reset-received')
def test_unread_data(trace):
    """close() with unread data resets the connection."""
    pair = Pair()
    pair.client.sendall(b'nobody reads this')
    # it has arrived, but is not read
    assert pair.server.recv(17, socket.MSG_PEEK | socket.MSG_WAITALL) == b'nobody reads this'
    pair.server.close()
    client, server = ends(trace, pair)
    assert (client['reason'], server['reason']) == ('reset-received', 'reset-sent')
    assert (client['tx_bytes'], server['rx_bytes']) == (17, 17)
    pair.client.close()
    pair.listener.close()


@pytest.mark.case('close', 'reset-sent and reset-received')
def test_data_after_close(trace):
    """The other end writes to a socket that is gone: it is reset."""
    pair = Pair()
    pair.server.close()
    pair.client.sendall(b'to nobody')
    client, server = ends(trace, pair)
    assert client['reason'] == 'reset-received'
    assert server['reason'] in ('local', 'reset-sent')  # FIN first, then the reset
    pair.client.close()
    pair.listener.close()


@pytest.mark.case('owner', 'killed with SIGKILL')
def test_killed(trace):
    """A process that dies closes its connections."""
    listener = listen_on()
    with Process(b'to-be-killed') as victim:
        client_id, _ = victim.call(do_connect, '127.0.0.1', port_of(listener))
        server, _ = listener.accept()
        os.kill(victim.pid, signal.SIGKILL)
        wait_for_end(server)
        server_id = cookie(server)
        server.close()
        close = trace.wait_for(event='close', id=client_id)
        wanted = {'reason': 'local', 'pid': victim.pid, 'comm': 'to-be-killed', 'closer_pid': None}
        assert pick(close, wanted) == wanted
        assert trace.wait_for(event='close', id=server_id)['reason'] == 'remote'
    listener.close()


@pytest.mark.case('close', 'timeout')
def test_user_timeout(trace, netns):
    """The other end does not answer any more."""
    with netns:
        pair = Pair()
    pair.client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 300)
    netns.run('ip', 'link', 'set', 'lo', 'down')
    pair.client.sendall(b'into the void')
    close = trace.wait_for(event='close', id=pair.client_id)
    assert close['reason'] == 'timeout'
    assert close['tx_bytes'] == 13
    pair.client.close()
    for sock in pair.server, pair.listener:
        reset_on_close(sock)
        sock.close()


def linked(a, b):
    """Two namespaces, 10.1.0.1 in the one and 10.1.0.2 in the other, and nothing else."""
    a.run('ip', 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1', 'netns', b.path)
    for ns, link, address in (a, 'veth0', '10.1.0.1'), (b, 'veth1', '10.1.0.2'):
        ns.run('ip', 'address', 'add', address + '/24', 'dev', link)
        ns.run('ip', 'link', 'set', link, 'up')


@pytest.fixture
def two_hosts():
    """Two namespaces with a wire between them; the second one routes for 10.2.0.0/24."""
    a, b = Namespace(), Namespace()
    try:
        linked(a, b)
        a.run('ip', 'route', 'add', '10.2.0.0/24', 'via', '10.1.0.2')
        b.run('ip', 'address', 'add', '10.2.0.1/32', 'dev', 'lo')
        b.sysctl('ipv4/ip_forward', '1')
        yield a, b
    finally:
        a.close()
        b.close()


@pytest.mark.case('close', 'unreachable')
def test_unreachable(trace, two_hosts):
    """The other end has gone, and the router says so."""
    a, b = two_hosts
    with b:
        listener = listen_on('10.2.0.1')
    with a:
        client = tcp_socket()
        client.connect(listener.getsockname())
    client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 1500)
    b.run('ip', 'address', 'del', '10.2.0.1/32', 'dev', 'lo')
    client.sendall(b'are you there')
    close = trace.wait_for(event='close', id=cookie(client))
    assert close['reason'] == 'unreachable'
    assert close['retrans'] >= 1
    assert close['netns'] == a.inode
    client.close()
    listener.close()


def test_other_host(trace, two_hosts, need):
    """The ends are in two namespaces, each with its own netns and addresses."""
    need(trace, 'accept')
    a, b = two_hosts
    with b:
        listener = listen_on('10.1.0.2')
    with a:
        client = tcp_socket()
        client.connect(listener.getsockname())
    server, _ = listener.accept()
    ids = cookie(client), cookie(server)
    client.close()
    wait_for_end(server)
    server.close()
    listener.close()
    out, into = (trace.wait_for(event='close', id=i) for i in ids)
    assert (out['netns'], into['netns']) == (a.inode, b.inode)
    assert (out['laddr'], out['raddr']) == ('10.1.0.1', '10.1.0.2')
    assert (into['laddr'], into['raddr']) == ('10.1.0.2', '10.1.0.1')


# --- owner and closer ---------------------------------------------------------------------------

@pytest.mark.case('owner', 'server closes first')
def test_owner_is_kept_when_the_server_closes_first(trace, need):
    need(trace, 'accept')
    with Process(b'the-server') as server, Process(b'the-client') as client:
        _, port = server.call(do_listen, '127.0.0.1')
        client_id, _ = client.call(do_connect, '127.0.0.1', port)
        server_id = server.call(do_accept)
        server.call(do_close, 'server')
        client.call(do_close, 'client')
        out = trace.wait_for(event='close', id=client_id)
        into = trace.wait_for(event='close', id=server_id)
    assert (out['comm'], out['reason'], out.get('closer_pid')) == ('the-client', 'remote', None)
    assert (into['comm'], into['reason'], into.get('closer_pid')) == ('the-server', 'local', None)


@pytest.mark.case('close', 'closed by another process')
@pytest.mark.parametrize('end', ['client', 'server'])
@pytest.mark.parametrize('how', ['fin', 'reset'])
def test_closed_by_a_child(trace, need, end, how):
    """A forked child has the socket too, and closes it last."""
    need(trace, 'accept')
    pair = Pair()
    sock = held['inherited'] = getattr(pair, end)
    other = pair.server if end == 'client' else pair.client
    socket_id = cookie(sock)
    if how == 'reset':
        reset_on_close(sock)
    with Process(b'the-child', keep=[sock]) as child:
        del held['inherited']
        sock.close()
        child.call(do_close, 'inherited')
        if how == 'fin':
            wait_for_end(other)
        other.close()
        close = trace.wait_for(event='close', id=socket_id)
        wanted = {'pid': os.getpid(), 'closer_pid': child.pid, 'closer_comm': 'the-child',
                  'reason': 'local' if how == 'fin' else 'reset-sent'}
        assert pick(close, wanted) == wanted
    pair.listener.close()


@pytest.mark.case('close', 'closed by another process')
def test_closed_by_a_child_after_the_other_end(trace, need):
    need(trace, 'accept')
    pair = Pair()
    held['inherited'] = pair.client
    with Process(b'the-child', keep=[pair.client]) as child:
        del held['inherited']
        pair.client.close()
        pair.server.close()
        child.call(wait_and_close)
        close = trace.wait_for(event='close', id=pair.client_id)
        wanted = {'pid': os.getpid(), 'closer_pid': child.pid, 'reason': 'remote'}
        assert pick(close, wanted) == wanted
    pair.listener.close()


def wait_and_close():
    wait_for_end(held['inherited'])
    do_close('inherited')


# --- totals -------------------------------------------------------------------------------------

@pytest.mark.case('close', 'totals of send() and recv()')
@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
@pytest.mark.parametrize('first', ['client', 'server'])
@pytest.mark.parametrize('up, down', [(0, 0), (1, 0), (0, 1), (100, 7), (70000, 3), (3, 1 << 20)])
def test_bytes(trace, address, first, up, down):
    """Exact, whatever the direction, whoever closes first."""
    pair = Pair(address)
    pair.exchange(b'u' * up, b'd' * down)
    pair.close(first)
    client, server = ends(trace, pair)
    assert (client['tx_bytes'], client['rx_bytes']) == (up, down)
    assert (server['tx_bytes'], server['rx_bytes']) == (down, up)


@pytest.mark.case('close', 'totals of send() and recv()')
def test_a_lot_at_once(trace):
    """Megabytes, written while the other end reads: segments are merged, windows fill."""
    pair = Pair()
    size = 8 << 20
    thread = threading.Thread(target=lambda: (pair.client.sendall(bytes(size)), pair.client.close()))
    thread.start()
    wait_for_end(pair.server)
    thread.join()
    pair.server.close()
    pair.listener.close()
    client, server = ends(trace, pair)
    assert (client['tx_bytes'], server['rx_bytes']) == (size, size)
    assert client['tx_packets'] > size // 65536 / 2


def test_segments(trace):
    """As many as the kernel has counted itself until just before the end."""
    pair = Pair()
    for _ in range(10):
        pair.exchange(b'ping', b'pong')
    # tcpi_segs_out, tcpi_segs_in: offsets in struct tcp_info
    segs_out, segs_in = tcp_info(pair.client, 136, 4), tcp_info(pair.client, 140, 4)
    pair.close()
    client, server = ends(trace, pair)
    assert segs_out < client['tx_packets'] <= segs_out + 3
    assert segs_in < client['rx_packets'] <= segs_in + 3
    assert client['retrans'] == server['retrans'] == 0


def test_times(trace):
    """rtt, handshake and duration are there, and sane."""
    pair = Pair()
    for _ in range(3):
        pair.exchange(b'ping', b'pong')
    pair.close()
    client, server = ends(trace, pair)
    established = trace.wait_for(event='established', id=pair.client_id)
    assert client['handshake_us'] == established['handshake_us'] > 0
    for end in client, server:
        assert 0 < end['duration_us'] < TIMEOUT * 1_000_000
        assert 0 < end['rtt_us'] < TIMEOUT * 1_000_000
    assert 'handshake_us' not in server or server['handshake_us'] > 0


@pytest.mark.case('close', 'older than the trace')
def test_older_than_the_trace(tracer):
    """A connection that was there before gets its close, with the bytes it has had."""
    pair = Pair()
    pair.exchange(b'before', b'the trace')
    trace = tracer('-t')
    pair.exchange(b'after', b'')
    pair.close()
    client = trace.wait_for(event='close', lport=pair.client_port, rport=pair.port)
    server = trace.wait_for(event='close', lport=pair.port, rport=pair.client_port)
    trace.wait_for(event='unlisten', lport=pair.port)
    trace.stop()
    assert (client['id'], server['id']) == (pair.client_id, pair.server_id)
    assert (client['reason'], server['reason']) == ('local', 'remote')
    assert (client['tx_bytes'], client['rx_bytes']) == (11, 9)
    assert trace.history(pair.client_id) == trace.history(pair.server_id) == ['close']


def test_nothing_while_open(trace):
    """A connection that is open has no close."""
    with Pair() as pair:
        with Pair() as marker:
            pass
        trace.wait_for(event='close', id=marker.client_id)
        trace.wait_for(event='close', id=marker.server_id)
        assert trace.history(pair.client_id) == ['connect', 'established']
