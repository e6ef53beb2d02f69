"""--link: by which way each connection goes, held against what the kernel and ip say of it."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from sockets import (TIMEOUT, Namespace, Pair, Process, cookie, do_accept, do_close, do_connect, do_listen, held,
                     listen_on, tcp_info, tcp_socket, udp_socket, wait_until)
from test_list import listing, ss_lines
from test_loss import balance, make_connections
from tracing import BINARY, Trace, pick

FIELDS = ('ifname', 'ifindex', 'mac', 'link', 'next_hop', 'next_hop_mac', 'ttl', 'mtu', 'mss', 'dscp')
CONNECTION = pytest.mark.case('names', 'interface, next hop, MAC addresses, TTL, MTU, MSS and DSCP (--link)')


def way(event):
    return {name: event[name] for name in FIELDS if name in event}


def ip(ns, *words):
    """What `ip -j` says in there."""
    with ns:
        out = subprocess.run(['ip', '-j', *words], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    return json.loads(out.stdout or '[]')


def device(ns, name):
    link, = ip(ns, 'link', 'show', name)
    return {'ifname': name, 'ifindex': link['ifindex'], 'mac': link['address']}


def mac_of(ns, name):
    return device(ns, name)['mac']


def mss_and_mtu(sock):
    return {'mss': tcp_info(sock, 16, 4), 'mtu': tcp_info(sock, 60, 4)}


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


class Net:
    """Three hosts in a row: the client's, a router, the server's. All have IPv4 and IPv6."""

    def __init__(self, with_spaces):
        self.client, self.router, self.server = self.spaces = with_spaces
        self.join(self.client, 'c0', '02:00:00:00:01:02', '02:00:00:00:01:01', 'r0', 1)
        self.join(self.server, 's0', '02:00:00:00:02:02', '02:00:00:00:02:01', 'r1', 2)
        self.router.sysctl('ipv4/ip_forward', '1')
        self.router.sysctl('ipv6/conf/all/forwarding', '1')
        self.server.run('ip', 'address', 'add', '10.3.0.2/32', 'dev', 'lo')
        self.router.run('ip', 'route', 'add', '10.3.0.2', 'via', '10.2.0.2')
        self.client.run('ip', 'route', 'add', '10.3.0.2', 'via', 'inet6', 'fd00:1::1', 'dev', 'c0')
        self.client.run('ip', 'route', 'add', '10.2.0.3', 'via', '10.1.0.1', 'mtu', '1300', 'hoplimit', '77')
        self.client.run('ip', 'route', 'add', 'fd00:2::3', 'via', 'fd00:1::1', 'mtu', '1310', 'hoplimit', '78')
        self.server.run('ip', 'address', 'add', '10.2.0.3/24', 'dev', 's0')
        self.server.run('ip', 'address', 'add', 'fd00:2::3/64', 'dev', 's0', 'nodad')

    def join(self, ns, name, mac, router_mac, router_name, net):
        ns.run('ip', 'link', 'add', name, 'address', mac, 'mtu', '1400', 'type', 'veth', 'peer', 'name', router_name,
               'address', router_mac, 'mtu', '1400', 'netns', self.router.path)
        for at, link, host in (ns, name, 2), (self.router, router_name, 1):
            at.run('ip', 'address', 'add', f'10.{net}.0.{host}/24', 'dev', link)
            at.run('ip', 'address', 'add', f'fd00:{net}::{host}/64', 'dev', link, 'nodad')
            at.run('ip', 'link', 'set', link, 'up')
        ns.run('ip', 'route', 'add', 'default', 'via', f'10.{net}.0.1')
        ns.run('ip', 'route', 'add', 'default', 'via', f'fd00:{net}::1')


@pytest.fixture(scope='module')
def net():
    spaces = [Namespace() for _ in range(3)]
    inside = []
    try:
        for ns in spaces:  # a namespace is found by who is in it
            with ns:
                inside.append(subprocess.Popen(['sleep', 'infinity']))
        yield Net(spaces)
    finally:
        for process in inside:
            process.kill()
            process.wait()
        for ns in spaces:
            ns.close()


@pytest.fixture(scope='module')
def links():
    """A trace with --link and all kinds of event, for all tests of this file."""
    running = Trace('--link', '--states', '--datagrams')
    try:
        yield running
        running.stop()
    finally:
        running.kill()


@contextlib.contextmanager
def connected(ns, server_ns, address, options=()):
    """A connection between two namespaces, both ends in this process."""
    with server_ns:
        listener = listen_on(address, 8080)
    with ns:
        client = tcp_socket(address)
        for option in options:
            client.setsockopt(*option)
        client.connect((address, 8080))
    server, _ = listener.accept()
    try:
        yield client, server
    finally:
        for sock in client, server, listener:
            sock.close()


def do_tell(name):
    return mss_and_mtu(held[name])


def live(ns, server_ns, address):
    """A connection between processes that are in these namespaces, until both have closed it: for each end its id
    and its MSS and MTU; and the client's address."""
    with Process(netns=ns) as client, Process(netns=server_ns) as server:
        server.call(do_listen, address, 8080)
        client_id, _ = client.call(do_connect, address, 8080)
        server_id = server.call(do_accept)
        known = client.call(do_tell, 'client'), server.call(do_tell, 'server')
        other = server.call(do_name_peer)
        client.call(do_close, 'client')
        server.call(do_close, 'server')
    return (client_id, known[0]), (server_id, known[1]), other


def do_name_peer():
    return held['server'].getpeername()[0]


def check_life(trace, sock_id, wanted, begins):
    """`wanted` in all events of a connection: at first its MSS and the MAC of the next hop may not be known yet."""
    for kind in begins:
        event = trace.wait_for(event=kind, id=sock_id)
        if kind == 'connect':
            first = without(wanted, 'mss', 'next_hop_mac')
            assert without(way(event), 'next_hop_mac') == first
            assert event.get('next_hop_mac') in (None, wanted.get('next_hop_mac'))
        else:
            assert way(event) == wanted
    assert way(trace.wait_for(event='close', id=sock_id)) == wanted
    assert way(trace.wait_for(event='state', new_state='CLOSE', id=sock_id)) == wanted


# --- loopback -------------------------------------------------------------------------------------

@CONNECTION
@pytest.mark.parametrize('listen, connect', [('127.0.0.1', '127.0.0.1'), ('::1', '::1'), ('::', '127.0.0.1')])
def test_loopback(links, netns, listen, connect):
    with netns, Pair(listen, connect) as pair:
        ids = pair.client_id, pair.server_id
        known = [mss_and_mtu(sock) for sock in (pair.client, pair.server)]
    lo = {'ifname': 'lo', 'ifindex': 1, 'link': 'loopback', 'ttl': 64, 'dscp': 0}
    check_life(links, ids[0], lo | known[0], ['connect', 'established'])
    check_life(links, ids[1], lo | known[1], ['accept'] if links.abilities['accept'] else [])


def test_no_link_without_it(tracer, netns):
    trace = tracer()
    with netns, Pair() as pair:
        client_id = pair.client_id
    assert not set(FIELDS) & trace.wait_for(event='close', id=client_id).keys()
    trace.stop()


def test_listener_goes_nowhere(links, netns):
    with netns, listen_on() as listener:
        listener_id = cookie(listener)
    assert way(links.wait_for(event='unlisten', id=listener_id)) == {}


# --- between namespaces -----------------------------------------------------------------------------

@CONNECTION
@pytest.mark.parametrize('address', ['10.1.0.1', 'fd00:1::1'])
def test_on_link(links, net, address):
    client, server, other = live(net.client, net.router, address)
    common = {'link': 'on-link', 'ttl': 64, 'dscp': 0}
    check_life(links, client[0], common | device(net.client, 'c0') | client[1] | {
        'next_hop': address, 'next_hop_mac': mac_of(net.router, 'r0')}, ['connect', 'established'])
    check_life(links, server[0], common | device(net.router, 'r0') | server[1] | {
        'next_hop': other, 'next_hop_mac': mac_of(net.client, 'c0')}, ['accept'] if links.abilities['accept'] else [])


@CONNECTION
@pytest.mark.parametrize('address, hop, back', [
    ('10.2.0.2', '10.1.0.1', '10.2.0.1'), ('fd00:2::2', 'fd00:1::1', 'fd00:2::1'),
    ('10.3.0.2', 'fd00:1::1', '10.2.0.1')], ids=['IPv4', 'IPv6', 'IPv4 via IPv6'])
def test_gateway(links, net, address, hop, back):
    client, server, _ = live(net.client, net.server, address)
    neighbours = {n['dst']: n.get('lladdr') for n in ip(net.client, 'neigh')}
    assert neighbours[hop] == mac_of(net.router, 'r0')
    common = {'link': 'gateway', 'ttl': 64, 'dscp': 0}
    check_life(links, client[0], common | device(net.client, 'c0') | client[1] | {
        'next_hop': hop, 'next_hop_mac': neighbours[hop]}, ['connect', 'established'])
    check_life(links, server[0], common | device(net.server, 's0') | server[1] | {
        'next_hop': back, 'next_hop_mac': mac_of(net.router, 'r1')}, ['accept'] if links.abilities['accept'] else [])


@CONNECTION
@pytest.mark.parametrize('address, mtu, limit', [('10.2.0.3', 1300, 77), ('fd00:2::3', 1310, 78)])
def test_metrics_of_the_route(links, net, address, mtu, limit):
    with connected(net.client, net.server, address) as (client, _):
        client_id, known = cookie(client), mss_and_mtu(client)
    assert known['mtu'] == mtu
    wanted = known | {'ttl': limit}
    assert pick(links.wait_for(event='connect', id=client_id), without(wanted, 'mss')) == without(wanted, 'mss')
    assert pick(links.wait_for(event='established', id=client_id), wanted) == wanted
    assert pick(links.wait_for(event='close', id=client_id), wanted) == wanted


@CONNECTION
@pytest.mark.parametrize('address, options', [
    ('10.2.0.3', [(socket.IPPROTO_IP, socket.IP_TTL, 33), (socket.IPPROTO_IP, socket.IP_TOS, 0xb8)]),
    ('fd00:2::3', [(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 34), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x28)]),
])
def test_options_of_the_socket(links, net, address, options):
    wanted = {'ttl': options[0][2], 'dscp': options[1][2] >> 2}
    with connected(net.client, net.server, address, options) as (client, server):
        ids = cookie(client), cookie(server)
    for kind in 'connect', 'established', 'close':
        assert pick(links.wait_for(event=kind, id=ids[0]), wanted) == wanted
    assert pick(links.wait_for(event='close', id=ids[1]), wanted) == {'ttl': 64, 'dscp': 0}


@pytest.mark.parametrize('address', ['10.1.0.1', 'fd00:1::1'])
def test_refused(links, net, address):
    with net.client, tcp_socket(address) as client:
        client_id = cookie(client)
        assert client.connect_ex((address, 9)) != 0
    wanted = device(net.client, 'c0') | {'link': 'on-link', 'ttl': 64, 'mtu': 1400, 'dscp': 0, 'next_hop': address}
    assert pick(links.wait_for(event='fail', id=client_id), wanted) == wanted


# --- UDP --------------------------------------------------------------------------------------------

@CONNECTION
@pytest.mark.parametrize('is_connected', [True, False], ids=['connected', 'unconnected'])
@pytest.mark.parametrize('address, hop', [
    ('10.1.0.1', None), ('fd00:1::1', None), ('10.2.0.2', '10.1.0.1'), ('fd00:2::2', 'fd00:1::1'),
    ('10.3.0.2', 'fd00:1::1')])
def test_udp(links, need, net, address, hop, is_connected):
    need(links, 'udp sent')
    there = net.server if hop else net.router
    with there:
        server = udp_socket(address, 5300)
    with net.client:
        client = udp_socket(address)
        if is_connected:
            client.connect((address, 5300))
            client.send(b'x')
        else:
            client.sendto(b'x', (address, 5300))
        server.settimeout(TIMEOUT)
        server.recv(10)  # by then the neighbour is known
        client_id = cookie(client)
        if not is_connected:
            client.sendto(b'x', (address, 5300))
        client.close()
    server.close()
    wanted = device(net.client, 'c0') | {
        'link': 'gateway' if hop else 'on-link', 'next_hop': hop or address, 'ttl': 64, 'mtu': 1400, 'dscp': 0}
    assert without(way(links.wait_for(event='flow', id=client_id)), 'next_hop_mac') == wanted
    wanted['next_hop_mac'] = mac_of(net.router, 'r0')
    assert way(links.wait_for(event='close', id=client_id)) == wanted


def test_udp_options(links, need, net):
    need(links, 'udp sent')
    with net.client, udp_socket() as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 7)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 5)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x20)
        for address in '10.2.0.3', '10.1.0.1', '224.0.0.99':
            client.sendto(b'x', (address, 9))
        client_id = cookie(client)
    for address, wanted in {
        '10.2.0.3': {'ttl': 7, 'mtu': 1300, 'dscp': 8, 'link': 'gateway'},
        '10.1.0.1': {'ttl': 7, 'mtu': 1400, 'dscp': 8, 'link': 'on-link'},
        '224.0.0.99': {'ttl': 5, 'dscp': 8},
    }.items():
        assert pick(links.wait_for(event='flow', id=client_id, raddr=address), wanted) == wanted


@pytest.mark.parametrize('address, limit', [('10.2.0.3', 77), ('fd00:2::3', 78)])
def test_udp_metrics_of_the_route(links, need, net, address, limit):
    need(links, 'udp sent')
    with net.client, udp_socket(address) as client:
        client.sendto(b'x', (address, 9))
        client_id = cookie(client)
    assert links.wait_for(event='flow', id=client_id)['ttl'] == limit


# --- devices ----------------------------------------------------------------------------------------

@pytest.fixture(params=['ipip', 'gre', 'sit', 'tun'])
def tunnel(request, net):
    """A device with one other end."""
    command = (['ip', 'tuntap', 'add', 'p2p', 'mode', 'tun'] if request.param == 'tun' else
               ['ip', 'link', 'add', 'p2p', 'type', request.param, 'local', '10.1.0.2', 'remote', '10.1.0.1'])
    with net.client:
        if subprocess.run(command, capture_output=True, timeout=TIMEOUT).returncode:
            pytest.skip(f'no {request.param} here')
    try:
        net.client.run('ip', 'address', 'add', 'fd00:9::2/64' if request.param == 'sit' else '10.9.0.2/24', 'dev', 'p2p')
        net.client.run('ip', 'link', 'set', 'p2p', 'up')
        yield 'fd00:9::1' if request.param == 'sit' else '10.9.0.1'
    finally:
        net.client.run('ip', 'link', 'del', 'p2p')


def test_point_to_point(links, need, net, tunnel):
    need(links, 'udp sent')
    link, = ip(net.client, 'link', 'show', 'p2p')
    for is_connected in True, False:
        with net.client, udp_socket(tunnel) as client:
            if is_connected:
                client.connect((tunnel, 9))
            with contextlib.suppress(OSError):  # without a carrier
                client.sendto(b'x', (tunnel, 9))
            client_id = cookie(client)
        wanted = {'ifname': 'p2p', 'ifindex': link['ifindex'], 'link': 'point-to-point', 'ttl': 64, 'mtu': link['mtu'],
                  'dscp': 0}
        event = links.wait_for(event='close', id=client_id)
        assert way(event) == wanted


@pytest.mark.parametrize('is_connected', [True, False], ids=['connected', 'unconnected'])
def test_no_arp(links, need, net, is_connected):
    """A device on which nobody is asked for MAC addresses."""
    need(links, 'udp sent')
    with net.client:
        if subprocess.run(['ip', 'link', 'add', 'd0', 'type', 'dummy'], capture_output=True).returncode:
            pytest.skip('no dummy device here')
    try:
        net.client.run('ip', 'address', 'add', '10.8.0.2/24', 'dev', 'd0')
        net.client.run('ip', 'link', 'set', 'd0', 'up')
        wanted = device(net.client, 'd0') | {'link': 'on-link', 'next_hop': '10.8.0.1', 'ttl': 64, 'mtu': 1500, 'dscp': 0}
        with net.client, udp_socket() as client:
            if is_connected:
                client.connect(('10.8.0.1', 9))
            client.sendto(b'x', ('10.8.0.1', 9))
            client_id = cookie(client)
        assert way(links.wait_for(event='close', id=client_id)) == wanted
    finally:
        net.client.run('ip', 'link', 'del', 'd0')


def test_hostile_name(links, net):
    """A device may have any name but of blanks and slashes."""
    name = b'\x1b[2J\xff"\\,\xe2\x80\xae'
    with net.client:
        subprocess.run([b'ip', b'link', b'add', b'plain0', b'type', b'veth', b'peer', b'name', b'plain1'], check=True)
        if subprocess.run([b'ip', b'link', b'set', b'plain0', b'name', name], capture_output=True).returncode:
            net.client.run('ip', 'link', 'del', 'plain0')
            pytest.skip('ip refuses such a name')
        try:
            subprocess.run([b'ip', b'address', b'add', b'10.7.0.2/24', b'dev', name], check=True)
            subprocess.run([b'ip', b'link', b'set', name, b'up'], check=True)
            subprocess.run([b'ip', b'link', b'set', b'plain1', b'up'], check=True)
            with udp_socket() as client:
                client.connect(('10.7.0.1', 9))
                client.send(b'x')
                client_id = cookie(client)
            event = links.wait_for(event='close', id=client_id)
            assert event['ifname'] == '\x1b[2J\ufffd"\\,\u202e'
        finally:
            net.client.run('ip', 'link', 'del', 'plain1')


# --- namespaces that end ------------------------------------------------------------------------------

def test_namespace_that_has_gone(tracer, need):
    """What was known before holds, and nobody keeps a namespace from ending."""
    trace = tracer('--link', '--latency', '1000')
    spaces = [Namespace(), Namespace()]
    a, b = spaces
    a.run('ip', 'link', 'add', 'veth0', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'veth1', 'mtu', '1400', 'netns', b.path)
    for ns, name, host in (a, 'veth0', 1), (b, 'veth1', 2):
        ns.run('ip', 'address', 'add', f'10.1.0.{host}/24', 'dev', name)
        ns.run('ip', 'link', 'set', name, 'up')
    wanted = device(a, 'veth0') | {'link': 'on-link', 'next_hop': '10.1.0.2', 'ttl': 64, 'mtu': 1400, 'dscp': 0,
                                   'next_hop_mac': mac_of(b, 'veth1')}
    with Process(netns=b) as server, Process(netns=a) as client:
        server.call(do_listen, '10.1.0.2', 8080)
        client_id, _ = client.call(do_connect, '10.1.0.2', 8080)
        server.call(do_accept)
        trace.wait_for(event='established', id=client_id)
        client.call(do_close, 'client')
    for ns in spaces:
        ns.close()
    event = trace.wait_for(event='close', id=client_id)
    assert without(way(event), 'mss') == wanted
    trace.stop()


# --- what was there before ----------------------------------------------------------------------------

def as_ss(line):
    """mss and pmtu of a line of ss -i."""
    words = dict(word.split(':', 1) for word in line.split() if word.count(':') == 1)
    return {'mss': int(words['mss']), 'mtu': int(words['pmtu'])}


@pytest.fixture
def old(net):
    """Connections of every way, UDP sockets too, before anybody looks: {id: (what is wanted, namespace)}."""
    with contextlib.ExitStack() as stack:
        wanted = {}
        for address, there, hop in (
            ('10.1.0.1', net.router, None), ('fd00:1::1', net.router, None), ('10.2.0.2', net.server, '10.1.0.1'),
            ('fd00:2::2', net.server, 'fd00:1::1'), ('10.3.0.2', net.server, 'fd00:1::1'),
        ):
            tos = ((socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if ':' in address else (socket.IPPROTO_IP, socket.IP_TOS))
            client, _ = stack.enter_context(connected(net.client, there, address, [(*tos, 0x48)]))
            wanted[cookie(client)] = device(net.client, 'c0') | mss_and_mtu(client) | {
                'link': 'gateway' if hop else 'on-link', 'next_hop': hop or address,
                'next_hop_mac': mac_of(net.router, 'r0'), 'ttl': 64, 'dscp': 18}
            with net.client:
                sock = stack.enter_context(udp_socket(address))
                sock.connect((address, 53))
            wanted[cookie(sock)] = without(wanted[cookie(client)], 'mss') | {'dscp': 0}
        yield wanted


def check_old(events, wanted, lacks=()):
    found = {event['id']: way(event) for event in events if event['id'] in wanted}
    assert found == {number: without(fields, *lacks) for number, fields in wanted.items()}


@CONNECTION
def test_existing(tracer, net, old):
    trace = tracer('--link', '--existing', '-e', 'existing')
    check_old([trace.wait_for(event='existing', id=number) for number in old], old)
    trace.stop()


@CONNECTION
def test_list(net, old):
    check_old(listing('--link'), old)


def test_list_as_ss(net, old):
    lines = ss_lines(net.client, '-tinHeO')
    events = {event['id']: event for event in listing('--link', '-t')}
    for number, line in lines.items():
        assert pick(events[number], as_ss(line)) == as_ss(line)
    assert lines.keys() <= events.keys()


def test_list_without_privileges(net, old):
    """In one's own namespace netlink says it all but the TTL."""
    check_old(listing('--link', wrap=('nsenter', f'--net={net.client.path}', 'setpriv', '--reuid=65534', '--clear-groups')),
              old, ['ttl'])


# --- a full buffer --------------------------------------------------------------------------------------

def test_full_buffer(tracer):
    """A route that finds no room is counted, and so is every event."""
    count = 200
    trace = tracer('-t', '--link', '--stats', '-p', str(os.getpid()), '--buffer', '4096', '-e', 'connect,close')
    trace.process.send_signal(signal.SIGSTOP)
    make_connections(count)
    trace.process.send_signal(signal.SIGCONT)
    trace.stop()
    got = balance(trace)
    assert (got['connect'], got['close']) == (count, 2 * count)
    lost, = re.findall(r'^lost routes of sockets +(\d+)$', trace.stderr, re.M)
    assert int(lost) > 0


# --- options and text -----------------------------------------------------------------------------------

def test_columns_imply_it(tracer, net):
    trace = tracer('--columns', 'event,id,ifname,mtu', '-e', 'close', json=False)
    with connected(net.client, net.server, '10.2.0.2') as (client, _):
        words = ['close', str(cookie(client)), 'c0', '1400']
    assert words in [line.split() for line in wait_for_line(trace, words[1])]
    trace.stop()


def wait_for_line(trace, word):
    wait_until(lambda: word in trace.stdout.decode(), f'a line with {word}')
    return trace.stdout.decode().splitlines()


def test_text(tracer, net):
    trace = tracer('--link', '-e', 'established', '-n', json=False)
    with connected(net.client, net.server, '10.2.0.2') as (client, _):
        port = str(client.getsockname()[1])
    line, = (line for line in wait_for_line(trace, f':{port}') if f':{port} ' in line)
    assert line.endswith(f' dev c0 via 10.1.0.1 lladdr {mac_of(net.router, "r0")}'), line
    trace.stop()


def test_text_of_list(net, old):
    out = subprocess.run([BINARY, 'list', '--link', '-n', '-t'], stdout=subprocess.PIPE, check=True, timeout=4 * TIMEOUT)
    header, *lines = out.stdout.decode().splitlines()
    assert header.split()[-1] == 'ROUTE'
    mac = mac_of(net.router, 'r0')
    for address, route in ('10.2.0.2', f'dev c0 via 10.1.0.1 lladdr {mac}'), ('10.1.0.1', f'dev c0 lladdr {mac}'):
        assert any(f' -> {address}:8080 ' in line and line.endswith(route) for line in lines), out.stdout.decode()
