"""--states: every change of a TCP socket's state."""
import os

import pytest

from sockets import Pair, cookie, listen_on, port_of, tcp_socket
from tracing import Trace

CLIENT_FIRST = [('CLOSE', 'SYN-SENT'), ('SYN-SENT', 'ESTAB'), ('ESTAB', 'FIN-WAIT-1'),
                ('FIN-WAIT-1', 'FIN-WAIT-2'), ('FIN-WAIT-2', 'CLOSE')]
SERVER_SECOND = [('SYN-RECV', 'ESTAB'), ('ESTAB', 'CLOSE-WAIT'), ('CLOSE-WAIT', 'LAST-ACK'),
                 ('LAST-ACK', 'CLOSE')]
LISTENER = [('CLOSE', 'LISTEN'), ('LISTEN', 'CLOSE')]


@pytest.fixture(scope='module')
def trace():
    trace = Trace('--states')
    try:
        yield trace
        trace.stop()
    finally:
        trace.kill()


def states(trace, socket_id):
    trace.wait_for(event='state', id=socket_id, new_state='CLOSE')
    return [(e['old_state'], e['new_state']) for e in trace.find(event='state', id=socket_id)]


def told(trace, changes):
    """Those that this backend can see."""
    if trace.abilities['state LISTEN']:
        return changes
    return [change for change in changes if change[1] not in ('LISTEN', 'SYN-RECV')]


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_client_closes_first(trace, address):
    pair = Pair(address)
    pair.close('client')
    assert states(trace, pair.client_id) == CLIENT_FIRST
    # the child's own first change is from its listener's state or from none, before it has a peer
    assert states(trace, pair.server_id)[-4:] == SERVER_SECOND
    assert states(trace, pair.listener_id) == told(trace, LISTENER)
    for event in trace.find(event='state', id=pair.client_id)[1:]:
        assert (event['pid'], event['rport']) == (os.getpid(), pair.port)


def test_server_closes_first(trace):
    pair = Pair()
    pair.close('server')
    assert states(trace, pair.client_id) == CLIENT_FIRST[:2] + SERVER_SECOND[1:]
    assert states(trace, pair.server_id)[-4:] == SERVER_SECOND[:1] + CLIENT_FIRST[2:]


def test_refused(trace):
    with listen_on() as listener:
        nobody = port_of(listener)
    client = tcp_socket()
    with pytest.raises(ConnectionRefusedError):
        client.connect(('127.0.0.1', nobody))
    assert states(trace, cookie(client)) == [('CLOSE', 'SYN-SENT'), ('SYN-SENT', 'CLOSE')]
    client.close()


def test_the_other_events_stay(trace):
    with Pair() as pair:
        pass
    trace.wait_for(event='close', id=pair.client_id)
    assert trace.history(pair.client_id) == ['connect', 'established', 'close']
