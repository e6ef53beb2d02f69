"""Nothing is lost in silence: what was made = what was printed + what was counted as lost."""
import collections
import os
import signal
import socket

import pytest

from sockets import Pair, cookie, family_of, listen_on, port_of, tcp_socket, udp_socket

CONNECTIONS = 2000


def balance(trace):
    """Printed and lost, by kind of event."""
    return collections.Counter(trace.summary['events']) + collections.Counter(trace.summary['lost'])


def make_connections(count):
    """Sequential, each closed by both ends."""
    listener = listen_on(backlog=64)
    to = listener.getsockname()
    for _ in range(count):
        client = tcp_socket()
        client.connect(to)
        server, _ = listener.accept()
        client.close()
        assert server.recv(1) == b''
        server.close()
    listener.close()


def test_reader_that_stands_still(tracer):
    """The smallest buffer and a tracer that does not run while thousands of connections are made."""
    trace = tracer('-t', '-p', str(os.getpid()), '--buffer', '4096')
    trace.process.send_signal(signal.SIGSTOP)
    make_connections(CONNECTIONS)
    trace.process.send_signal(signal.SIGCONT)
    trace.stop()
    made = {'connect': CONNECTIONS, 'established': CONNECTIONS, 'close': 2 * CONNECTIONS,
            'listen': 1, 'unlisten': 1}
    if trace.abilities['accept']:
        made['accept'] = CONNECTIONS
    got = balance(trace)
    assert {kind: got[kind] for kind in made} == made
    assert sum(trace.summary['lost'].values()) > CONNECTIONS
    assert 'lost' in trace.stderr  # and a warning


def test_goes_on_afterwards(tracer):
    """After a loss the stream goes on, and closes still have their owners and totals."""
    trace = tracer('-t', '-p', str(os.getpid()), '--buffer', '4096')
    pair = Pair()
    trace.wait_for(event='established', id=pair.client_id)
    trace.process.send_signal(signal.SIGSTOP)
    make_connections(100)
    trace.process.send_signal(signal.SIGCONT)
    trace.wait_for(event='lost')
    pair.exchange(b'after', b'wards')
    pair.close()
    close = trace.wait_for(event='close', id=pair.client_id)
    assert (close['pid'], close['tx_bytes'], close['attr']) == (os.getpid(), 5, 'connect')
    trace.stop()


def test_owner_of_a_connection_whose_begin_was_lost(tracer, need):
    """connect and accept found no room; the close knows all the same whose it is."""
    trace = tracer('-t', '-p', str(os.getpid()), '--buffer', '4096')
    trace.process.send_signal(signal.SIGSTOP)
    make_connections(100)
    pair = Pair()
    trace.process.send_signal(signal.SIGCONT)
    trace.wait_for(event='lost')
    assert trace.history(pair.client_id) == []
    pair.exchange(b'up', b'down')
    pair.close()
    close = trace.wait_for(event='close', id=pair.client_id)
    assert (close['pid'], close['attr'], close['reason']) == (os.getpid(), 'connect', 'local')
    assert close['handshake_us'] > 0 and close['duration_us'] > 0
    close = trace.wait_for(event='close', id=pair.server_id)
    assert close['pid'] == os.getpid()
    trace.stop()


def test_udp(tracer, need):
    """Flows and their ends, and datagrams."""
    trace = tracer('-u', '-p', str(os.getpid()), '--buffer', '4096', '--datagrams')
    need(trace, 'udp sent')
    flows, clients = 500, set()
    server = udp_socket(port=0)
    trace.process.send_signal(signal.SIGSTOP)
    for _ in range(flows):
        with udp_socket() as client:
            client.sendto(b'x', server.getsockname())
            client.sendto(b'y', server.getsockname())
            clients.add(port_of(client))
        assert server.recv(1) + server.recv(1) == b'xy'
    trace.process.send_signal(signal.SIGCONT)
    server_id = cookie(server)
    server.close()
    trace.stop()
    # The server's flows, one for each peer, some of whose ports come again.
    server_flows = len(clients) if trace.abilities['udp received'] else 0
    got = balance(trace)
    assert got['send'] == 2 * flows
    assert got['flow'] == flows + server_flows
    assert got['close'] == flows + server_flows, server_id


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_nothing_is_lost_by_default(tracer, address):
    """As many as the default buffer must take, many at a time."""
    trace = tracer('-t', '-p', str(os.getpid()))
    listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    listener.bind((address, 0))
    listener.listen(512)
    rounds = 1 if 'CONNSNOOP_VM' in os.environ else 4
    for _ in range(rounds):
        clients = [tcp_socket(address) for _ in range(200)]
        for client in clients:
            client.connect((address, port_of(listener)))
        servers = [listener.accept()[0] for _ in clients]
        for sock in clients + servers:
            sock.close()
    listener.close()
    trace.wait_for(event='close', count=2 * rounds * 200)
    trace.stop()
    many = rounds * 200
    wanted = {'connect': many, 'established': many, 'close': 2 * many, 'listen': 1, 'unlisten': 1}
    if trace.abilities['accept']:
        wanted['accept'] = many
    printed = trace.summary['events']
    assert {kind: printed.get(kind) for kind in wanted} == wanted
    # other processes of this machine may interrupt a hook: not ours to judge
    assert [event for event in trace.find(event='lost') if event['reason'] != 'nested'] == []
