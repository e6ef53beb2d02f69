"""Network namespaces: the same socket pair may be there twice."""
import os

import pytest

from sockets import (Namespace, Process, cookie, do_accept, do_close, do_connect, do_listen,
                     port_of, udp_socket)
from tracing import pick


@pytest.mark.case('tuples', 'same tuple in two namespaces')
def test_same_tuple_twice(trace, need):
    """Two connections with equal addresses and ports, in two namespaces, at the same time."""
    need(trace, 'accept')
    spaces = [Namespace(), Namespace()]
    servers = [Process(b'server-%d' % i, netns=ns) for i, ns in enumerate(spaces)]
    clients = [Process(b'client-%d' % i, netns=ns) for i, ns in enumerate(spaces)]
    try:
        for server in servers:
            server.call(do_listen, '127.0.0.1', 8080)
        client_ids = [c.call(do_connect, '127.0.0.1', 8080, 50000)[0] for c in clients]
        server_ids = [s.call(do_accept) for s in servers]
        for client in reversed(clients):
            client.call(do_close, 'client')
        for server in servers:
            server.call(do_close, 'server')
        assert len(set(client_ids + server_ids)) == 4
        for i, ns in enumerate(spaces):
            wanted = {'netns': ns.inode, 'laddr': '127.0.0.1', 'lport': 50000, 'rport': 8080,
                      'pid': clients[i].pid, 'comm': f'client-{i}', 'peer_pid': servers[i].pid}
            assert pick(trace.wait_for(event='close', id=client_ids[i]), wanted) == wanted
            wanted = {'netns': ns.inode, 'laddr': '127.0.0.1', 'lport': 8080, 'rport': 50000,
                      'pid': servers[i].pid, 'peer_pid': clients[i].pid}
            assert pick(trace.wait_for(event='close', id=server_ids[i]), wanted) == wanted
            assert trace.history(client_ids[i]) == ['connect', 'established', 'close']
            assert trace.history(server_ids[i]) == ['accept', 'close']
    finally:
        for process in servers + clients:
            process.end()
        for ns in spaces:
            ns.close()


@pytest.mark.case('tuples', 'same tuple in two namespaces')
def test_same_udp_tuple_twice(trace, need):
    need(trace, 'udp sent')
    need(trace, 'udp received')
    spaces = [Namespace(), Namespace()]
    ids = []
    for i, ns in enumerate(spaces):
        with ns:
            server, client = udp_socket(port=5353), udp_socket(port=50000)
            for _ in range(i + 1):
                client.sendto(b'x', server.getsockname())
                server.recv(10)
            ids.append((cookie(client), cookie(server), client, server))
    for i, (client_id, server_id, client, server) in enumerate(ids):
        client.close()
        server.close()
        close = trace.wait_for(event='close', id=client_id)
        assert (close['netns'], close['tx_packets']) == (spaces[i].inode, i + 1)
        close = trace.wait_for(event='close', id=server_id)
        assert (close['netns'], close['rx_packets']) == (spaces[i].inode, i + 1)
    for ns in spaces:
        ns.close()


def test_never_accepted_belongs_to_the_listener_of_its_namespace(trace):
    spaces = [Namespace(), Namespace()]
    servers = [Process(b'server-%d' % i, netns=ns) for i, ns in enumerate(spaces)]
    clients = [Process(b'client-%d' % i, netns=ns) for i, ns in enumerate(spaces)]
    try:
        for server in servers:
            server.call(do_listen, '127.0.0.1', 8181)
        for client in clients:  # namespaces get the inodes of those that went before: not so ports
            client.call(do_connect, '127.0.0.1', 8181, 50000)
        for server, ns in zip(servers, spaces):
            server.call(do_close, 'listener')
            close = trace.wait_for(event='close', netns=ns.inode, lport=8181)
            assert (close['reason'], close['pid']) == ('never-accepted', server.pid)
    finally:
        for process in servers + clients:
            process.end()
        for ns in spaces:
            ns.close()


def test_owner_in_another_namespace_than_its_socket(trace, netns):
    with netns:
        sock = udp_socket(port=5353)
    socket_id = cookie(sock)
    assert port_of(sock) == 5353
    sock.close()
    if not trace.abilities['udp bind']:
        return
    event = trace.wait_for(event='unlisten', id=socket_id)
    assert (event['netns'], event['pid']) == (netns.inode, os.getpid())
