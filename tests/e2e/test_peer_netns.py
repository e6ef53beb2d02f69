"""peer_*: who is at the other end, when that is on this machine but in another network namespace."""
import pytest

from sockets import (Namespace, Process, do_accept, do_close, do_connect, do_listen, do_send, held,
                     wait_for_end)
from test_close import linked, two_hosts  # noqa: F401, a fixture
from tracing import pick


def do_wait_for_end(name):
    wait_for_end(held[name])


def do_receive(size):
    assert len(held['server'].recv(size)) == size


def check_ends(trace, address, server_ns, client_ns, first):
    """Each end names the process at the other one, from accept on."""
    with (Process(b'the-server', netns=server_ns) as server,
          Process(b'the-client', netns=client_ns) as client):
        _, port = server.call(do_listen, address, 8080)
        server.begin(do_accept)
        client_id, client_port = client.call(do_connect, address, port)
        server_id = server.result()
        client.call(do_send, 'client', b'hello')
        ends = {'client': client, 'server': server}
        second = 'server' if first == 'client' else 'client'
        server.call(do_receive, 5)  # what is not read would reset the connection
        ends[first].call(do_close, first)
        ends[second].call(do_wait_for_end, second)
        ends[second].call(do_close, second)
        to_client = {'netns': server_ns.inode, 'pid': server.pid, 'peer_pid': client.pid,
                     'peer_comm': 'the-client', 'lport': 8080, 'rport': client_port}
        to_server = {'netns': client_ns.inode, 'pid': client.pid, 'peer_pid': server.pid,
                     'peer_comm': 'the-server', 'lport': client_port, 'rport': 8080}
        for kind in 'accept', 'close':
            assert pick(trace.wait_for(event=kind, id=server_id), to_client) == to_client
        assert pick(trace.wait_for(event='close', id=client_id), to_server) == to_server
        established = trace.wait_for(event='established', id=client_id)
        assert established.get('peer_pid') in (None, server.pid)


firsts = pytest.mark.parametrize('first', ['client', 'server'])


@pytest.mark.case('loopback', 'namespaces joined by veth')
@firsts
def test_veth(trace, need, two_hosts, first):  # noqa: F811
    need(trace, 'accept')
    client_ns, server_ns = two_hosts
    check_ends(trace, '10.1.0.2', server_ns, client_ns, first)


@pytest.mark.case('loopback', 'namespaces joined by veth')
def test_veth_ipv6(trace, need, two_hosts):  # noqa: F811
    need(trace, 'accept')
    client_ns, server_ns = two_hosts
    for ns, link, address in (client_ns, 'veth0', 'fd00::1'), (server_ns, 'veth1', 'fd00::2'):
        ns.run('ip', 'address', 'add', address + '/64', 'dev', link, 'nodad')
    check_ends(trace, 'fd00::2', server_ns, client_ns, 'client')


@pytest.fixture
def bridged():
    """Two namespaces on a bridge in a third one, as containers are."""
    spaces = [Namespace() for _ in range(3)]
    middle = spaces[0]
    try:
        middle.run('ip', 'link', 'add', 'br0', 'type', 'bridge')
        middle.run('ip', 'link', 'set', 'br0', 'up')
        for i, ns in enumerate(spaces[1:], 1):
            middle.run('ip', 'link', 'add', f'port{i}', 'type', 'veth', 'peer', 'name', 'eth0',
                       'netns', ns.path)
            middle.run('ip', 'link', 'set', f'port{i}', 'master', 'br0', 'up')
            ns.run('ip', 'address', 'add', f'10.1.0.{i}/24', 'dev', 'eth0')
            ns.run('ip', 'link', 'set', 'eth0', 'up')
        yield spaces[1:]
    finally:
        for ns in spaces:
            ns.close()


@pytest.mark.case('loopback', 'namespaces joined by a bridge')
@firsts
def test_bridge(trace, need, bridged, first):
    need(trace, 'accept')
    client_ns, server_ns = bridged
    check_ends(trace, '10.1.0.2', server_ns, client_ns, first)


@pytest.mark.case('loopback', 'namespaces joined by veth')
def test_same_addresses_elsewhere(trace, need):
    """Two pairs of namespaces with equal addresses and ports: nobody's peer is one of the others."""
    need(trace, 'accept')
    pairs, ends = [(Namespace(), Namespace()) for _ in range(2)], []
    try:
        for a, b in pairs:
            linked(a, b)
        ends = [(Process(b'client-%d' % i, netns=a), Process(b'server-%d' % i, netns=b))
                for i, (a, b) in enumerate(pairs)]
        for _, server in ends:
            server.call(do_listen, '10.1.0.2', 8080)
        ids = [[c.call(do_connect, '10.1.0.2', 8080, 50000)[0]] for c, _ in ends]
        for (_, server), of_pair in zip(ends, ids):
            of_pair.append(server.call(do_accept))
        for client, server in ends:
            client.call(do_close, 'client')
            server.call(do_wait_for_end, 'server')
            server.call(do_close, 'server')
        for (client, server), (client_id, server_id) in zip(ends, ids):
            close = trace.wait_for(event='close', id=client_id)
            assert (close['pid'], close.get('peer_pid')) == (client.pid, server.pid)
            close = trace.wait_for(event='close', id=server_id)
            assert (close['pid'], close.get('peer_pid')) == (server.pid, client.pid)
    finally:
        for client, server in ends:
            client.end()
            server.end()
        for ns in sum(pairs, ()):
            ns.close()
