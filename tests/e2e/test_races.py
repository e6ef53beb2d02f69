"""Orders of events that are rare: Fast Open before the handshake ends, data after close(), resets in the queue."""
import collections
import ctypes
import errno
import select
import socket
import struct

import pytest

from sockets import (Pair, Process, cookie, do_close, do_listen, held, libc, listen_on, port_of, reset_on_close,
                     tcp_info, tcp_socket, wait_until, wait_until_blocked)

TCP_FASTOPEN = 23
SYS_ACCEPT4 = 288
ESTABLISHED, SYN_RECV = 1, 3


def state_of(sock):
    return tcp_info(sock, 0, 1)


def make_slow(netns):
    """Segments of this namespace's loopback take a while, so that calls come in between."""
    try:
        netns.run('tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '300ms')
    except AssertionError as error:
        pytest.skip(f'no netem here: {error}')


def settle(trace):
    """All that was made before is in the stream."""
    with Pair() as marker:
        pass
    trace.wait_for(event='close', id=marker.client_id)


# --- TCP Fast Open: accept() while the handshake goes on ----------------------------------------

def do_listen_early():
    listener = held['listener'] = listen_on()
    listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    return port_of(listener)


def do_accept_early():
    server = held['server'] = held['listener'].accept()[0]
    return cookie(server), state_of(server)


def do_wait_established():
    wait_until(lambda: state_of(held['server']) == ESTABLISHED, 'ESTABLISHED')


@pytest.fixture
def early(netns):
    """A server's process, and a function that connects to it with data in the SYN."""
    netns.sysctl('ipv4/tcp_fastopen', '1539')  # both sides, without a cookie
    with Process(b'early-server', netns=netns) as server:
        port = server.call(do_listen_early)
        make_slow(netns)

        def connect(what):
            server.begin(what)
            wait_until_blocked(server.pid, SYS_ACCEPT4)
            with netns:
                client = tcp_socket()
                client.setblocking(False)
                with pytest.raises(BlockingIOError):
                    client.sendto(b'early', socket.MSG_FASTOPEN, ('127.0.0.1', port))
            socket_id, state = server.result()
            assert state == SYN_RECV
            return client, socket_id
        yield server, connect


@pytest.mark.parametrize('wait', [False, True])
def test_accepted_in_syn_recv(trace, early, wait):
    server, connect = early
    client, socket_id = connect(do_accept_early)
    if wait:
        server.call(do_wait_established)
    else:
        select.select([], [client], [])
    client.close()
    server.call(do_close, 'server')
    close = trace.wait_for(event='close', id=socket_id)
    assert trace.history(socket_id) == ['accept', 'close']
    assert (close['pid'], close['attr']) == (server.pid, 'accept')


def test_local_failure_after_fast_open(trace, netns):
    """What another call of this thread has begun does not hide that this connect() has failed."""
    netns.sysctl('ipv4/tcp_fastopen', '3')
    with netns:
        with listen_on() as listener, tcp_socket() as early:
            early.sendto(b'x', socket.MSG_FASTOPEN, listener.getsockname())
        late = tcp_socket()
        assert late.connect_ex(('192.0.2.1', 80)) == errno.ENETUNREACH
    settle(trace)
    assert trace.history(cookie(late), 'phase') == [('fail', 'local')]


# --- the end --------------------------------------------------------------------------------------

def test_abort_on_data(trace, netns):
    """The client closes while data is on its way to it: it answers with a reset, and gets none."""
    make_slow(netns)
    with netns:
        pair = Pair()
    pair.server.sendall(b'late')
    pair.client.close()
    close = trace.wait_for(event='close', id=pair.client_id)
    pair.server.close()
    pair.listener.close()
    assert close['reason'] in ('local', 'reset-sent')
    assert 'closer_pid' not in close


def test_many_reset_in_the_queue(trace, netns):
    """Each is told as accepted and closed, though it was over before accept()."""
    netns.sysctl('core/somaxconn', '2048')
    count = 1300
    with netns:
        listener = listen_on(backlog=2048)
        for _ in range(count):
            with tcp_socket() as client:
                client.connect(listener.getsockname())
                reset_on_close(client)
        ids = []
        for _ in range(count):
            with listener.accept()[0] as server:
                ids.append(cookie(server))
        listener.close()
    settle(trace)
    some = ids[:20] + ids[-20:]
    assert collections.Counter(tuple(trace.history(i)) for i in some) == {('accept', 'close'): len(some)}


def do_storm(port, count):
    for _ in range(count):
        with tcp_socket() as client:
            client.connect(('127.0.0.1', port))
            reset_on_close(client)


def test_reset_while_accept_returns(tracer):
    """The reset comes before, within and after accept()."""
    trace = tracer('-t')
    ids, count = [], 1000
    with listen_on(backlog=64) as listener, Process(b'storm') as storm:
        storm.begin(do_storm, port_of(listener), count)
        for _ in range(count):
            with listener.accept()[0] as server:
                ids.append(cookie(server))
        storm.result()
    settle(trace)
    told = collections.defaultdict(list)
    for event in trace.find(proto='tcp'):
        told[event['id']].append(event['event'])
    stories = collections.Counter(tuple(told[i]) for i in ids)
    assert stories == {('accept', 'close'): count}


# --- whose it is ----------------------------------------------------------------------------------

def do_listen_shared(port):
    sock = held['listener'] = tcp_socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(('127.0.0.1', port))
    sock.listen(64)
    return port_of(sock)


def test_listener_handed_over(trace):
    """The old server's listener closes beside the new one's: what comes then is not the old one's."""
    with Process(b'old-server') as old, Process(b'new-server') as new, tcp_socket() as client:
        port = old.call(do_listen_shared, 0)
        new.call(do_listen_shared, port)
        old.call(do_close, 'listener')
        client.connect(('127.0.0.1', port))
        new.call(do_close, 'listener')
        close = trace.wait_for(event='close', lport=port, rport=port_of(client))
        assert close.get('pid') in (new.pid, None)


def test_never_accepted_alone(tracer):
    """The owner of what nobody has accepted is known whatever --events leaves out."""
    trace = tracer('-t', '-e', 'close')
    with Process(b'idle') as server, tcp_socket() as client:
        _, port = server.call(do_listen, '127.0.0.1')
        client.connect(('127.0.0.1', port))
        server.call(do_close, 'listener')
        close = trace.wait_for(event='close', lport=port, rport=port_of(client))
        assert (close['attr'], close['pid']) == ('listener', server.pid)


# --- addresses that are given to connect() --------------------------------------------------------

@pytest.mark.parametrize('address, error', [
    (struct.pack('=H', socket.AF_INET) + struct.pack('>H', 4242), errno.EINVAL),
    (struct.pack('=H', socket.AF_INET6) + struct.pack('>H', 4242) + bytes(24), errno.EAFNOSUPPORT),
], ids=['cut', 'of another family'])
def test_no_address(trace, address, error):
    with tcp_socket() as sock:
        assert libc.connect(sock.fileno(), address, len(address)) == -1 and ctypes.get_errno() == error
        settle(trace)
        assert trace.history(cookie(sock)) == []


def test_short_ipv6_address(trace, netns):
    """Without a scope it is 24 bytes long: RFC 2133."""
    address = struct.pack('=H', socket.AF_INET6) + struct.pack('>HI', 4242, 0) + socket.inet_pton(
        socket.AF_INET6, '2001:db8::77')
    with netns, tcp_socket('::1') as sock:
        assert libc.connect(sock.fileno(), address, len(address)) == -1
        fail = trace.wait_for(event='fail', id=cookie(sock))
    assert (fail['raddr'], fail['rport'], fail['phase']) == ('2001:db8::77', 4242, 'local')
