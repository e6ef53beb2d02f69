"""UDP flows of sockets with many peers: bounded in number, exact in sum."""
import pytest

from sockets import cookie, port_of, udp_socket
from test_udp import Talk, both_directions, totals  # noqa: F401, a fixture

FLOWS = 64
PEERS = 500


def peer(i):
    return f'127.0.{1 + i // 250}.{1 + i % 250}'


def add_up(closes):
    return tuple(map(sum, zip(*map(totals, closes))))


@pytest.fixture
def trace(tracer):
    return tracer('-u', '--udp-flows', str(FLOWS))


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_many_peers(trace):
    """The least recently used flows end with their totals; the one that is always in use goes on."""
    server, client = udp_socket('0.0.0.0', 0), udp_socket()
    port, total, count = port_of(server), 0, 0

    def send(address, size):
        nonlocal total, count
        client.sendto(b'x' * size, (address, port))
        assert len(server.recv(1000)) == size
        total, count = total + size, count + 1
    for i in range(PEERS):
        send(peer(i), i % 100)
        if i % 8 == 0:
            send('127.0.0.1', 1)
    ids = cookie(client), cookie(server)
    client.close()
    server.close()
    trace.wait_for(event='close', id=ids[1])
    trace.wait_for(event='close', id=ids[0], count=PEERS + 1)
    trace.stop()
    flows, closes = (trace.find(event=kind, id=ids[0]) for kind in ('flow', 'close'))
    assert len(flows) == len(closes) == PEERS + 1
    assert {close['raddr'] for close in closes} == {peer(i) for i in range(PEERS)} | {'127.0.0.1'}
    assert add_up(closes) == (total, 0, count, 0)
    often = [close for close in closes if close['raddr'] == '127.0.0.1']
    assert [(close['reason'], close['tx_packets']) for close in often] == [('closed', len(range(0, PEERS, 8)))]
    reasons = [close['reason'] for close in closes]
    assert reasons.count('closed') <= FLOWS
    assert set(reasons) == {'idle', 'closed'}
    assert trace.summary['lost'] == {}
    into = trace.find(event='close', id=ids[1])
    assert add_up(into) == (0, total, 0, count)


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_many_clients(trace):
    """A server's side of the same: each client comes twice, and is a flow again after it was forgotten."""
    server = udp_socket(port=0)
    clients = [udp_socket() for _ in range(2 * FLOWS)]
    for data in b'first', b'and again':
        for client in clients:
            client.sendto(data, server.getsockname())
            assert server.recv(100) == data
    server_id = cookie(server)
    client_ids = [cookie(client) for client in clients]
    for sock in server, *clients:
        sock.close()
    for client_id in client_ids:
        trace.wait_for(event='close', id=client_id)
    trace.stop()
    assert add_up(trace.find(event='close', id=server_id)) == (0, 14 * len(clients), 0, 2 * len(clients))
    for client_id in client_ids:
        assert add_up(trace.find(event='close', id=client_id)) == (14, 0, 2, 0)
    assert trace.summary['lost'] == {}
