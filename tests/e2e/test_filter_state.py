"""What a filter excludes is not kept in the kernel either."""
import os
import socket

import pytest

from rawbpf import kept
from sockets import Pair, udp_socket

# caches of processes, not of connections: bounded, and looked into before the socket's filters
PROCESSES = {'exes', 'calls', 'connecting'}


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


def state(trace, sockets):
    """Entries about connections: name of the map -> how many."""
    tcp = [s for s in sockets if s.type == socket.SOCK_STREAM]
    return {name: count for name, count in kept(trace.process.pid, tcp).items()
            if name not in PROCESSES and not name.startswith('filter_')}


EXCLUDED = {  # filters that nothing of the scene passes
    'port': ['-P', '1'],
    'local port': ['-L', '1'],
    'remote port': ['-R', '1'],
    'network': ['-A', '192.0.2.0/24,2001:db8::/32'],
    'network excluded': ['-A', '!127.0.0.0/8,!::1'],
    'pid': ['-p', '1'],
    'comm': ['-c', 'nobody-at-all'],
    'user': ['--user', '12345'],
    'netns': ['--netns'],  # another one
    'combined': ['-t', '-4', '-P', '1', '--out'],
}


@pytest.mark.case('filters', 'no state of what is filtered out')
@pytest.mark.parametrize('name', EXCLUDED)
def test_no_state(tracer, netns, open_sockets, name):
    args = EXCLUDED[name] + ([netns.path] if name == 'netns' else [])
    trace = tracer(*args)
    sockets = open_sockets()
    assert state(trace, sockets) == {}
    trace.stop()
    assert not trace.summary['events']


@pytest.mark.case('filters', 'no state of what is filtered out')
def test_there_is_state(tracer, open_sockets):
    """Without a filter there is, so that the test above looks at the right place."""
    trace = tracer('-p', str(os.getpid()))
    sockets = open_sockets()
    found = state(trace, sockets)
    assert sum(found.get(name, 0) for name in ('conns', 'conns_by_addr')) >= 6
    if trace.abilities['udp sent']:
        assert found.get('flows', 0) >= 1
