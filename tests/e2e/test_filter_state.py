"""What a filter excludes is not kept in the kernel either."""
import os
import socket

import pytest

from rawbpf import kept
from sockets import Pair, udp_socket

# of processes, listeners and bound sockets, not of connections; and of the ends of connections inside
# this machine, for the other end may be wanted: the least recently used go
ELSE = {'exes', 'calls', 'connecting', 'listeners', 'udp_sockets', 'peers'}
# Who owns a UDP socket's flow, and which way it began, is only known if it is remembered.
UDP = {'flows'}


@pytest.fixture
def open_sockets():
    """TCP connections and UDP flows, in use, closed afterwards."""
    made = []

    def make():
        for listen, connect in ('127.0.0.1', None), ('::1', None), ('127.0.0.1', '::ffff:127.0.0.1'):
            pair = Pair(listen, connect)
            pair.exchange(b'up', b'down')
            made.extend((pair.client, pair.server, pair.listener))
        server, client = udp_socket(port=0), udp_socket()
        for data in b'one', b'two':
            client.sendto(data, server.getsockname())
            assert server.recv(100) == data
        made.extend((client, server))
        return made
    yield make
    for sock in made:
        sock.close()


def is_listener(sock):
    return sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def state(trace, sockets):
    """What is kept of connections and flows: name of the map -> how many. A listener is kept for those
    of its children that may pass."""
    listeners = [s for s in sockets if is_listener(s)]
    tcp = [s for s in sockets if s.type == socket.SOCK_STREAM and s not in listeners]
    found = kept(trace.process.pid, tcp)
    found['conns'] = max(found.get('conns', 0) - len(listeners), 0)
    return {name: count for name, count in found.items() if count and name not in ELSE
            and not name.startswith('filter_')}


EXCLUDED = {  # filters that nothing of the scene passes, and what may be kept all the same
    'port': (['-P', '1'], {}),
    'local port': (['-L', '1'], {}),
    'remote port': (['-R', '1'], {}),
    'network': (['-A', '192.0.2.0/24,2001:db8::/32'], {}),
    'network excluded': (['-A', '!127.0.0.0/8,!::1'], {}),
    'pid': (['-p', '1'], UDP),
    'comm': (['-c', 'nobody-at-all'], UDP),
    'user': (['--user', '12345'], UDP),
    'netns': (['--netns'], {}),  # another one
    'combined': (['-t', '-4', '-P', '1', '--out'], {}),
}


@pytest.mark.case('filters', 'no state of what is filtered out')
@pytest.mark.parametrize('name', EXCLUDED)
def test_no_state(tracer, netns, open_sockets, name):
    args, may_be_kept = EXCLUDED[name]
    trace = tracer(*args, *([netns.path] if name == 'netns' else []))
    trace.wait_for_scan()  # which has maps of its own
    sockets = open_sockets()
    found = state(trace, sockets)
    assert found.keys() <= set(may_be_kept), found
    trace.stop()
    assert not trace.summary['events']


@pytest.mark.case('filters', 'no state of what is filtered out')
def test_there_is_state(tracer, open_sockets):
    """Without a filter there is, so that the test above looks at the right place."""
    trace = tracer('-p', str(os.getpid()))
    sockets = open_sockets()
    found = state(trace, sockets)
    assert found['conns'] >= 6
    if trace.abilities['udp sent']:
        assert found.get('flows', 0) >= 1
