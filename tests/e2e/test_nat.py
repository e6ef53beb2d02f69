"""--nat: the real other end where addresses are translated between the two, as conntrack has it.

connsnoop runs in the router's namespace, as it runs in the host's where containers are.
"""
import ipaddress
import os
import re
import shutil
import socket
import struct
import subprocess

import pytest

from sockets import (START_TIMEOUT, Namespace, Pair, Process, cookie, do_accept, do_close, do_connect, do_listen, held,
                     listen_on, reset_on_close, tcp_socket, udp_socket, wait_until)
from tracing import BINARY, Trace, check_event, parse_line

NETLINK_NETFILTER = 12
DELETE = 1 << 8 | 2  # of the subsystem ctnetlink
MODULE = '/sys/module/nf_conntrack'

ADDRESSES = {  # client, service, server, router on the server's side
    4: ('10.1.0.2', '10.96.0.1', '10.2.0.2', '10.2.0.1'),
    6: ('fd01::2', 'fd96::1', 'fd02::2', 'fd02::1'),
}
SERVICE = '''
table inet t {
  chain pre {
    type nat hook prerouting priority -100
    ip daddr 10.96.0.1 tcp dport 80 dnat ip to 10.2.0.2:8080
    ip daddr 10.96.0.1 udp dport 80 dnat ip to 10.2.0.2:8080
    ip6 daddr fd96::1 tcp dport 80 dnat ip6 to [fd02::2]:8080
    ip6 daddr fd96::1 udp dport 80 dnat ip6 to [fd02::2]:8080
  }
  chain post {
    type nat hook postrouting priority 100
    oifname "s0" masquerade
  }
}
'''
REDIRECT = 'ip daddr 10.98.0.1 tcp dport 443 redirect to :3128'
both_versions = pytest.mark.parametrize('ipv', [4, 6])


def nft(ns, rules):
    with ns:
        done = subprocess.run(['nft', '-f', '-'], input=rules, capture_output=True, text=True, check=False)
    if 'Could not process rule: No such file or directory' in done.stderr or 'Operation not supported' in done.stderr:
        pytest.skip(f'this kernel has no NAT by nftables: {done.stderr.splitlines()[0]}')
    assert done.returncode == 0, done.stderr


def inside(ns):
    return 'nsenter', f'--net={ns.path}'


def wire(router, name, network, ns):
    """A link from the router, which is .1 there, to the only other host, .2, which has its routes there."""
    router.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns.path)
    for where, link, host in (router, name, 1), (ns, 'eth0', 2):
        where.run('ip', 'address', 'add', f'10.{network}.0.{host}/24', 'dev', link)
        where.run('ip', 'address', 'add', f'fd0{network}::{host}/64', 'dev', link, 'nodad')
        where.run('ip', 'link', 'set', link, 'up')


@pytest.fixture(scope='module')
def hosts():
    """Client, router, server: the client knows only a service's address, and the server only the router's."""
    if not shutil.which('nft', path='/usr/sbin:/sbin:/usr/bin'):
        pytest.skip('no nft')
    router, client, server = spaces = [Namespace() for _ in range(3)]
    try:
        wire(router, 'c0', 1, client)
        wire(router, 's0', 2, server)
        client.run('ip', 'route', 'add', 'default', 'via', '10.1.0.1')
        client.run('ip', '-6', 'route', 'add', 'default', 'via', 'fd01::1')
        router.sysctl('ipv4/ip_forward', '1')
        router.sysctl('ipv6/conf/all/forwarding', '1')
        nft(router, SERVICE)
        yield router, client, server
    finally:
        for ns in spaces:
            ns.close()


@pytest.fixture(scope='module')
def nat_trace(hosts):
    trace = Trace('--nat', '--datagrams', wrap=inside(hosts[0]))
    try:
        yield trace
        trace.stop()
    finally:
        trace.kill()


@pytest.fixture
def ends(hosts):
    """A process in the client's namespace, one in the server's."""
    _, client_ns, server_ns = hosts
    with Process(b'the-client', netns=client_ns) as client, Process(b'the-server', netns=server_ns) as server:
        yield client, server


@pytest.fixture
def client_rules(hosts):
    """Sets rules of the client's own namespace for what leaves it."""
    _, client_ns, _ = hosts

    def set_rules(*rules):
        nft(client_ns, 'table inet own {\nchain out {\ntype nat hook output priority -100\n'
            + '\n'.join(rules) + '\n}\n}\n')
    yield set_rules
    with client_ns:
        subprocess.run(['nft', 'delete', 'table', 'inet', 'own'], check=False, stderr=subprocess.DEVNULL)


def flush(ns):
    """Conntrack forgets everything."""
    with ns, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as nl:
        nl.send(struct.pack('IHHII', 20, DELETE, 5, 1, 0) + bytes(4))  # request, to be acknowledged
        answer = nl.recv(8192)
        assert struct.unpack_from('i', answer, 16) == (0,), answer


def do_reset(name):
    reset_on_close(held[name])
    do_close(name)


def do_udp_bind(name, address, port):
    held[name] = udp_socket(address, port)
    return cookie(held[name])


def do_udp_connect(name, address, port):
    held[name] = udp_socket(address)
    held[name].connect((address, port))
    return cookie(held[name]), held[name].getsockname()[1]


def do_datagram(name):
    assert held[name].send(b'ask') == 3


def do_answer(name):
    data, peer = held[name].recvfrom(100)
    held[name].sendto(data, peer)
    return peer[1]


def do_receive(name):
    assert held[name].recv(100) == b'ask'


def connect(ends, ipv, address, port, listen_port=8080):
    """ids and ports of both ends"""
    client, server = ends
    server.call(do_listen, ADDRESSES[ipv][2], listen_port)
    client_id, client_port = client.call(do_connect, address, port)
    server_id = server.call(do_accept)
    return client_id, client_port, server_id


def real(address, port):
    return {'nat_raddr': address, 'nat_rport': port}


NONE = {'nat_raddr': None, 'nat_rport': None}


# --- without it ---------------------------------------------------------------------------------

def test_not_loaded(tracer, request):
    """A kernel that tracks nothing is not made to: one warning, and the trace goes on.

    When it begins to, it is asked. First in this file.
    """
    if os.path.exists(MODULE):
        pytest.skip('conntrack is there, loaded or compiled in')
    trace = tracer('--nat')
    with Pair() as pair:
        trace.wait_for(event='established', id=pair.client_id, **NONE)
    assert len(re.findall(r'warning: --nat finds nothing: .* not loaded', trace.stderr)) == 1
    assert not os.path.exists(MODULE)
    request.getfixturevalue('client_rules')(REDIRECT)
    with Process(netns=request.getfixturevalue('hosts')[1]) as process:
        process.call(do_listen, '127.0.0.1', 3128)
        client_id, _ = process.call(do_connect, '10.98.0.1', 443)
        trace.wait_for(event='established', id=client_id, **real('127.0.0.1', 3128))


def test_not_privileged(hosts):
    """`list` goes on without CAP_NET_ADMIN, and says so once."""
    del hosts  # conntrack is there
    done = subprocess.run(['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', BINARY, 'list', '--nat',
                           '-j', '-P', '1'], capture_output=True, text=True, timeout=START_TIMEOUT, check=False)
    assert done.returncode == 0
    assert len(re.findall(r'--nat finds nothing: .* needs CAP_NET_ADMIN', done.stderr)) == 1, done.stderr


def test_trace_without_net_admin(tracer, hosts):
    del hosts
    trace = tracer('--nat', '-t', wrap=('setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'))
    with Pair() as pair:  # before 6.1 there are no ids either
        trace.wait_for(event='established', lport=pair.client_port, rport=pair.port, **NONE)
    trace.stop()
    assert trace.stderr.count('needs CAP_NET_ADMIN') >= 1


def test_asking_tracks_nothing(nat_trace, netns):
    """Where there are no rules, conntrack has seen nothing, though it was asked."""
    with netns:
        listener = listen_on()
        client = tcp_socket()
        client.connect(listener.getsockname())
        nat_trace.wait_for(event='established', id=cookie(client), **NONE)
        # this file is shown of the reader's own namespace
        with open('/proc/self/net/nf_conntrack' if os.path.exists('/proc/self/net/nf_conntrack')
                  else '/proc/sys/net/netfilter/nf_conntrack_count') as f:
            assert f.read().strip() in ('', '0')
        client.close()
        listener.close()


# --- translated by the host ------------------------------------------------------------------------

@both_versions
def test_service(nat_trace, ends, hosts, ipv):
    """The service's address is the server's, and the router's that of the client; also when conntrack has forgotten."""
    client, server = ends
    client_addr, service, server_addr, router_addr = ADDRESSES[ipv]
    client_id, client_port, server_id = connect(ends, ipv, service, 80)
    to_server, to_client = real(server_addr, 8080), real(client_addr, client_port)
    nat_trace.wait_for(event='established', id=client_id, raddr=service, rport=80, **to_server)
    accept = nat_trace.wait_for(event='accept', id=server_id, raddr=router_addr, **to_client)
    assert accept['netns'] == hosts[2].inode
    flush(hosts[0])
    client.call(do_reset, 'client')
    server.call(do_reset, 'server')
    nat_trace.wait_for(event='close', id=client_id, raddr=service, rport=80, **to_server)
    nat_trace.wait_for(event='close', id=server_id, raddr=router_addr, **to_client)


@both_versions
def test_service_udp(nat_trace, need, ends, hosts, ipv):
    need(nat_trace, 'udp sent')
    need(nat_trace, 'udp received')
    client, server = ends
    client_addr, service, server_addr, router_addr = ADDRESSES[ipv]
    server_id = server.call(do_udp_bind, 'server', server_addr, 8080)
    client_id, client_port = client.call(do_udp_connect, 'client', service, 80)
    client.call(do_datagram, 'client')
    rport = server.call(do_answer, 'server')
    client.call(do_receive, 'client')
    to_server, to_client = real(server_addr, 8080), real(client_addr, client_port)
    nat_trace.wait_for(event='flow', id=server_id, raddr=router_addr, rport=rport, **to_client)
    client.call(do_datagram, 'client')  # of the first one conntrack may not have known
    nat_trace.wait_for(event='send', id=client_id, raddr=service, rport=80, **to_server)
    flush(hosts[0])
    client.call(do_close, 'client')
    server.call(do_close, 'server')
    nat_trace.wait_for(event='close', id=client_id, raddr=service, rport=80, **to_server)
    nat_trace.wait_for(event='close', id=server_id, raddr=router_addr, rport=rport, **to_client)


def test_only_asked_at_close(tracer, ends, hosts):
    """The connection is over, and conntrack still knows it."""
    trace = tracer('--nat', '-t', '-e', 'close', wrap=inside(hosts[0]))
    client, server = ends
    client_id, client_port, server_id = connect(ends, 4, '10.96.0.1', 80)
    client.call(do_close, 'client')
    server.call(do_close, 'server')
    trace.wait_for(event='close', id=client_id, **real('10.2.0.2', 8080))
    trace.wait_for(event='close', id=server_id, **real('10.1.0.2', client_port))


def test_not_translated(nat_trace, ends, hosts):
    """A connection to the router itself, which tracks it as all others."""
    client, _ = ends
    with hosts[0]:
        listener = listen_on('10.1.0.1')
    client_id, _ = client.call(do_connect, *listener.getsockname())
    server, _ = listener.accept()
    nat_trace.wait_for(event='established', id=client_id, **NONE)
    nat_trace.wait_for(event='accept', id=cookie(server), **NONE)
    client.call(do_reset, 'client')
    nat_trace.wait_for(event='close', id=client_id, **NONE)
    listener.close()
    server.close()


# --- translated where the client is ----------------------------------------------------------------

def test_two_in_a_row(nat_trace, ends, hosts, client_rules):
    """The client's namespace makes the service's address of another one, and the router the server's of that."""
    client_rules('ip daddr 10.97.0.1 tcp dport 8443 dnat ip to 10.96.0.1:80')
    client, server = ends
    client_id, client_port, server_id = connect(ends, 4, '10.97.0.1', 8443)
    nat_trace.wait_for(event='established', id=client_id, rport=8443, **real('10.2.0.2', 8080))
    nat_trace.wait_for(event='accept', id=server_id, **real('10.1.0.2', client_port))
    flush(hosts[1])
    client.call(do_reset, 'client')
    server.call(do_reset, 'server')
    nat_trace.wait_for(event='close', id=client_id, rport=8443, **real('10.2.0.2', 8080))


@pytest.mark.parametrize('rule, to', [
    ('ip daddr 10.98.0.1 tcp dport 443 dnat ip to 10.1.0.2:3128', '10.1.0.2'),
    (REDIRECT, '127.0.0.1')], ids=['dnat', 'redirect'])
def test_to_itself(nat_trace, ends, client_rules, rule, to):
    """A proxy in the same namespace: it sees the client as it is, and the client what it asked for."""
    client_rules(rule)
    client, _ = ends
    client.call(do_listen, to, 3128)
    client_id, client_port = client.call(do_connect, '10.98.0.1', 443)
    proxy_id = client.call(do_accept)
    nat_trace.wait_for(event='established', id=client_id, raddr='10.98.0.1', rport=443, **real(to, 3128))
    nat_trace.wait_for(event='accept', id=proxy_id, rport=client_port, **NONE)
    client.call(do_reset, 'client')
    nat_trace.wait_for(event='close', id=client_id, **real(to, 3128))


# --- shown ---------------------------------------------------------------------------------------

def listed(ns, *args):
    done = subprocess.run([*inside(ns), BINARY, 'list', *args], capture_output=True, text=True, timeout=START_TIMEOUT,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_list(ends, hosts):
    router = hosts[0]
    client_id, client_port, server_id = connect(ends, 4, '10.96.0.1', 80)
    events = [parse_line(line.encode()) for line in listed(router, '-j', '--nat', '-P', str(client_port))]
    for event in events:
        check_event(event)
    found = {event['id']: (event.get('nat_raddr'), event.get('nat_rport')) for event in events}
    assert found == {client_id: ('10.2.0.2', 8080), server_id: ('10.1.0.2', client_port)}
    text = listed(router, '-n', '--nat', '-R', '80')
    assert 'NAT' in text[0].split() and len(text) == 2
    assert ['10.96.0.1:80', '10.2.0.2:8080'] == text[1].split()[6:8]
    table = listed(router, '--csv', '--columns', 'raddr,nat_raddr,nat_rport', '--sort', '-nat_rport', '-P',
                   str(client_port))
    assert table == ['raddr,nat_raddr,nat_rport', f'10.2.0.1,10.1.0.2,{client_port}', '10.96.0.1,10.2.0.2,8080']
    assert 'nat' not in ''.join(listed(router, '-j', '-P', str(client_port)))


def test_text(tracer, ends, hosts):
    trace = tracer('--nat', '-n', '-e', 'established', '-d', '600', json=False, wrap=inside(hosts[0]))
    columns = tracer('-e', 'established', '--no-header', '--columns', 'lport,nat_raddr,nat', json=False,
                     wrap=inside(hosts[0]))
    _, client_port, _ = connect(ends, 6, 'fd96::1', 80)

    def last(running):
        return next((line for line in running.stdout.decode().splitlines() if str(client_port) in line), '')
    wait_until(lambda: last(trace) and last(columns), 'the line')
    assert re.search(r' in [0-9.]+[um]?s, nat \[fd02::2\]:8080$', last(trace))
    assert last(columns).split() == [str(client_port), 'fd02::2', '[fd02::2]:8080']


# --- what is left --------------------------------------------------------------------------------

def test_namespaces_end(nat_trace):
    """One that was asked can end, with the devices in it."""
    home, ns = Namespace(), Namespace()
    try:
        home.run('ip', 'link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', ns.path)
        with Process(netns=ns) as process:
            _, port = process.call(do_listen, '127.0.0.1')
            client_id, _ = process.call(do_connect, '127.0.0.1', port)
            nat_trace.wait_for(event='established', id=client_id, netns=ns.inode, **NONE)
        ns.close()
        with home:
            wait_until(lambda: 'here' not in os.listdir('/proc/self/net/dev_snmp6'), 'the end of the namespace')
    finally:
        home.close()


def test_addresses_are_whole(nat_trace):
    """Of all that was traced: both halves, of the version of the others, and not what is in sight anyway."""
    events = [parse_line(line) for line in nat_trace.lines if b'nat_raddr' in line]
    assert events
    for event in events:
        assert ipaddress.ip_address(event['nat_raddr']).version == event['ipv']
        assert (event['nat_raddr'], event['nat_rport']) != (event['raddr'], event['rport'])
