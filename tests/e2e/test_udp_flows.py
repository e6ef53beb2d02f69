"""UDP flows of sockets with many peers: bounded in number, exact in sum."""
import os

import pytest

from sockets import cookie, port_of, udp_socket
from test_udp import Talk, both_directions, totals  # noqa: F401, a fixture

FLOWS = 64
PEERS = 200 if 'CONNSNOOP_VM' in os.environ else 500  # an emulated sweep takes half a second


def peer(i):
    return f'127.0.{1 + i // 250}.{1 + i % 250}'


def add_up(closes):
    return tuple(map(sum, zip(*map(totals, closes))))


@pytest.fixture
def trace(tracer, netns):
    """Of an own namespace, so that all that is lost is the test's own."""
    return tracer('-u', '--udp-flows', str(FLOWS), '--netns', netns.path)


class Sender:
    """One socket that sends to many addresses, at all of which one other receives."""

    def __init__(self):
        self.server, self.client = udp_socket('0.0.0.0', 0), udp_socket()
        self.ids = cookie(self.client), cookie(self.server)
        self.total = self.count = 0

    def send(self, address, size):
        self.client.sendto(b'x' * size, (address, port_of(self.server)))
        assert len(self.server.recv(1000)) == size
        self.total, self.count = self.total + size, self.count + 1

    def close(self):
        self.client.close()
        self.server.close()


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_many_peers(trace, netns):
    """The least recently used flows end with their totals; the one that is always in use goes on."""
    with netns:
        sender = Sender()
        for i in range(PEERS):
            sender.send(peer(i), i % 100)
            if i % 4 == 0:
                sender.send('127.0.0.1', 1)
            if i >= FLOWS * 3 // 4:  # the trace is told when three quarters are there
                trace.wait_for(event='close', id=sender.ids[0], count=i - FLOWS * 3 // 4)
        sender.close()
    trace.wait_for(event='close', id=sender.ids[1])
    trace.wait_for(event='close', id=sender.ids[0], count=PEERS + 1)
    trace.stop()
    flows, closes = (trace.find(event=kind, id=sender.ids[0]) for kind in ('flow', 'close'))
    assert len(flows) == len(closes) == PEERS + 1
    assert {close['raddr'] for close in closes} == {peer(i) for i in range(PEERS)} | {'127.0.0.1'}
    assert add_up(closes) == (sender.total, 0, sender.count, 0)
    often = [(c['reason'], c['tx_packets']) for c in closes if c['raddr'] == '127.0.0.1']
    assert often == [('closed', len(range(0, PEERS, 4)))]
    reasons = [close['reason'] for close in closes]
    assert 0 < reasons.count('closed') <= FLOWS
    assert set(reasons) == {'idle', 'closed'}
    assert add_up(trace.find(event='close', id=sender.ids[1])) == (0, sender.total, 0, sender.count)
    assert trace.summary['lost'] == {}


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_all_at_once(trace, netns):
    """More than there is room for, faster than it can be made: what is not told is counted."""
    with netns:
        sender = Sender()
        for i in range(PEERS):
            sender.send(peer(i), 10)
        sender.close()
    trace.wait_for(event='close', id=sender.ids[0])
    trace.stop()
    summary = trace.summary
    assert summary['events']['flow'] + summary['lost'].get('flow', 0) == PEERS + 1
    assert summary['events']['close'] == summary['events']['flow']
    into = trace.find(event='close', id=sender.ids[1])
    assert add_up(into) == (0, sender.total, 0, sender.count)


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_many_clients(trace, netns):
    """A server's side of the same: each client comes twice, and is a flow again after it was forgotten."""
    with netns:
        server = udp_socket(port=0)
        clients = [udp_socket() for _ in range(2 * FLOWS)]
    server_id, client_ids = cookie(server), [cookie(client) for client in clients]
    ended = 0
    for data in b'first', b'and again':
        for client in clients:
            client.sendto(data, server.getsockname())
            assert server.recv(100) == data
            ended += 2  # a flow at each end
            if ended > FLOWS * 3 // 4:
                trace.wait_for(event='close', count=ended - FLOWS * 3 // 4)
    for sock in server, *clients:
        sock.close()
    trace.wait_for(event='close', id=server_id, count=2 * len(clients))
    for client_id in client_ids:
        trace.wait_for(event='close', id=client_id, count=2)
    trace.stop()
    assert add_up(trace.find(event='close', id=server_id)) == (0, 14 * len(clients), 0, 2 * len(clients))
    for client_id in client_ids:
        assert add_up(trace.find(event='close', id=client_id)) == (14, 0, 2, 0)
    assert trace.summary['lost'] == {}


@pytest.mark.case('udp', 'thousands of peers on one socket')
def test_all_end_at_once(tracer, netns):
    """The ends of all flows of a socket are more than the buffer holds."""
    trace = tracer('-u', '--buffer', '64K', '--netns', netns.path)
    with netns:
        sender = Sender()
        for i in range(PEERS):
            sender.send(peer(i), 10)
            if i % 50 == 0:  # what has begun fits
                trace.wait_for(event='flow', id=sender.ids[0], count=i + 1)
        trace.wait_for(event='flow', id=sender.ids[0], count=PEERS)
        sender.close()
    trace.wait_for(event='close', id=sender.ids[0], count=PEERS)
    trace.stop()
    closes = trace.find(event='close', id=sender.ids[0])
    assert {close['reason'] for close in closes} == {'closed'}
    assert {close['raddr'] for close in closes} == {peer(i) for i in range(PEERS)}
    assert trace.summary['lost'] == {}
