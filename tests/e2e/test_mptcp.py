"""MPTCP: one connection, however many TCP connections carry it."""
import platform
import socket

import pytest

from sockets import (cookie, listen_on, port_of, receive_all, tcp_socket,
                     wait_for_end, wait_until)
from tracing import pick

IPPROTO_MPTCP = 262
# before, the kernel counts each path alone: docs/events.md
TOTALS_OF_ALL_PATHS = [int(n) for n in platform.release().split('.')[:2]] >= [6, 5]


def mptcp_socket():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)


@pytest.fixture
def mptcp(netns):
    """A namespace with MPTCP."""
    try:
        netns.sysctl('mptcp/enabled', '1')
        with netns:
            mptcp_socket().close()
    except OSError as error:
        pytest.skip(f'no MPTCP here: {error.strerror}')
    return netns


class Connection:
    """Both ends in this process; each may be a plain TCP socket."""

    def __init__(self, client=mptcp_socket, server=mptcp_socket):
        self.listener = server()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen()
        self.client = client()
        self.client.connect(self.listener.getsockname())
        self.server, _ = self.listener.accept()
        self.ids = cookie(self.client), cookie(self.server)
        self.port, self.client_port = port_of(self.listener), port_of(self.client)

    def exchange(self, up, down):
        for sender, reader, data in (self.client, self.server, up), (self.server, self.client, down):
            for i in range(0, len(data), 32768):
                sender.sendall(data[i:i + 32768])
                assert receive_all(reader, len(data[i:i + 32768])) == data[i:i + 32768]

    def close(self):
        self.client.close()
        wait_for_end(self.server)
        self.server.close()
        self.listener.close()


def check(trace, ns, connection, up, down, mptcp=(True, True), exact=True):
    """What is told of the namespace is one connection with two ends, and nothing of its parts."""
    client_id, server_id = connection.ids
    out = trace.wait_for(event='close', id=client_id)
    into = trace.wait_for(event='close', id=server_id)
    if not exact:
        for end in out, into:
            assert 0 < end['tx_bytes'] + end['rx_bytes'] <= up + down
            del end['tx_bytes'], end['rx_bytes']
        up = down = None
    wanted = {'proto': 'tcp', 'mptcp': mptcp[0] or None, 'tx_bytes': up, 'rx_bytes': down,
              'lport': connection.client_port, 'rport': connection.port, 'direction': 'out',
              'attr': 'connect', 'reason': 'local', 'netns': ns.inode}
    assert pick(out, wanted) == wanted
    wanted = {'proto': 'tcp', 'mptcp': mptcp[1] or None, 'tx_bytes': down, 'rx_bytes': up,
              'lport': connection.port, 'rport': connection.client_port, 'direction': 'in',
              'reason': 'remote', 'netns': ns.inode}
    assert pick(into, wanted) == wanted
    assert trace.history(client_id) == ['connect', 'established', 'close']
    assert trace.history(server_id) in (['accept', 'close'], ['close'])
    trace.wait_for(event='unlisten', lport=connection.port)
    ids = {e['id'] for e in trace.find(netns=ns.inode)
           if 'direction' in e and connection.port in (e['lport'], e['rport'])}
    assert ids == {client_id, server_id}


@pytest.mark.case('tuples', 'MPTCP as one connection')
def test_one_path(trace, need, mptcp):
    """The id is that of the socket that the process holds."""
    need(trace, 'accept')
    with mptcp:
        connection = Connection()
        connection.exchange(b'over mptcp', b'x' * 100_000)
        connection.close()
    check(trace, mptcp, connection, 10, 100_000)
    assert trace.history(connection.ids[1]) == ['accept', 'close']


@pytest.mark.case('tuples', 'MPTCP as one connection')
@pytest.mark.parametrize('plain', ['client', 'server'])
def test_fallback(trace, need, mptcp, plain):
    """The other end speaks plain TCP: a client's socket is one of MPTCP all the same, a server gets
    one of TCP."""
    need(trace, 'accept')
    with mptcp:
        connection = Connection(**{plain: tcp_socket})
        connection.exchange(b'plain', b'answer')
        connection.close()
    check(trace, mptcp, connection, 5, 6, (plain != 'client', False))


@pytest.mark.case('tuples', 'MPTCP as one connection')
def test_refused(trace, mptcp):
    with mptcp:
        with listen_on() as listener:
            to = listener.getsockname()
        client = mptcp_socket()
        with pytest.raises(ConnectionRefusedError):
            client.connect(to)
    client_id = cookie(client)
    client.close()
    fail = trace.wait_for(event='fail', netns=mptcp.inode, rport=to[1])
    wanted = {'id': client_id, 'mptcp': True, 'error': 'ECONNREFUSED', 'phase': 'handshake'}
    assert pick(fail, wanted) == wanted
    assert trace.history(client_id) == ['connect', 'fail']


def established(ns):
    """How many TCP sockets of the namespace are ESTABLISHED."""
    with ns, open('/proc/thread-self/net/tcp') as f:
        return sum(line.split()[3] == '01' for line in f.readlines()[1:])


@pytest.mark.case('tuples', 'MPTCP with a second subflow')
def test_second_subflow(trace, need, mptcp):
    """It is no connection of its own, and what it carries belongs to the one that there is."""
    need(trace, 'accept')
    mptcp.run('ip', 'mptcp', 'limits', 'set', 'subflow', '2', 'add_addr_accepted', '2')
    mptcp.run('ip', 'mptcp', 'endpoint', 'add', '127.0.0.2', 'dev', 'lo', 'subflow')
    up, down = b'u' * 400_000, b'd' * 200_000
    with mptcp:
        connection = Connection()
        connection.exchange(b'first', b'words')
        wait_until(lambda: established(mptcp) == 4, 'a second subflow')
        connection.exchange(up, down)
        connection.close()
    check(trace, mptcp, connection, len(up) + 5, len(down) + 5, exact=TOTALS_OF_ALL_PATHS)
