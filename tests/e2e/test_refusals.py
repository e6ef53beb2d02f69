"""fail: what routes, routers, firewalls and cgroups refuse, and what comes while the SYN is on its way."""
import errno
import os
import shutil
import socket
import subprocess

import pytest

import wire
from rawbpf import refuse_connect
from sockets import (Cgroup, Namespace, Process, cgroup2_root, cookie, held, listen_on, port_of,
                     tcp_info, tcp_socket, wait_until)
from test_close import linked
from tracing import pick

TCP_SYNCNT = 7
blocking = pytest.mark.parametrize('blocking', [True, False], ids=['blocking', 'non-blocking'])


def wait_for_outcome(sock):
    """Until it has left SYN-SENT and SYN-RECV: a soft error makes poll() return before."""
    wait_until(lambda: tcp_info(sock, 0, 1) not in (2, 3), 'an outcome of connect()')


def attempt(address, port, blocking):
    """connect() to its end, whatever that is: the socket and the errno."""
    client = tcp_socket(address)
    client.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
    client.setblocking(blocking)
    error = client.connect_ex((address, port))
    if error == errno.EINPROGRESS:
        wait_for_outcome(client)
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return client, error


def check_fail(trace, client, error, phase, **wanted):
    """Exactly one fail, with that errno."""
    fail = trace.wait_for(event='fail', id=cookie(client))
    wanted |= {'error': errno.errorcode[error], 'phase': phase, 'attr': 'connect', 'direction': 'out'}
    assert pick(fail, wanted) == wanted
    kinds = ['fail'] if phase == 'local' else ['connect', 'fail']
    client_id = cookie(client)
    client.close()
    with tcp_socket() as marker, listen_on() as listener:
        marker.connect(listener.getsockname())
        marker_id = cookie(marker)
    trace.wait_for(event='close', id=marker_id)
    assert trace.history(client_id) == kinds
    return fail


# --- routes -------------------------------------------------------------------------------------

ROUTES = {  # the errno is the kernel's, see rt_type in ip-route(8)
    'unreachable': errno.EHOSTUNREACH, 'prohibit': errno.EACCES, 'blackhole': errno.EINVAL}


@pytest.mark.case('failures', 'unreachable, prohibit and blackhole routes')
@pytest.mark.parametrize('kind', ROUTES)
@pytest.mark.parametrize('address, seen', [
    ('192.0.2.1', '192.0.2.1'), ('2001:db8::1', '2001:db8::1'), ('::ffff:192.0.2.1', '192.0.2.1')])
@blocking
def test_route(trace, need, netns, kind, address, seen, blocking):
    """The routing table itself says that there is no way."""
    need(trace, 'fail before the SYN')
    netns.run('ip', 'route', 'add', kind, '192.0.2.0/24')
    netns.run('ip', '-6', 'route', 'add', kind, '2001:db8::/32')
    with netns:
        client, error = attempt(address, 80, blocking)
    assert error == ROUTES[kind]
    check_fail(trace, client, error, 'local', raddr=seen, rport=80, ipv=6 if ':' in seen else 4,
               mapped=True if '::ffff' in address else None, pid=os.getpid(), netns=netns.inode,
               lport=None)


# --- a router on the way ------------------------------------------------------------------------

@pytest.fixture
def routed():
    """A host, and the router that it sends everything to."""
    host, router = Namespace(), Namespace()
    try:
        linked(host, router)
        host.run('ip', 'route', 'add', 'default', 'via', '10.1.0.2')
        router.sysctl('ipv4/ip_forward', '1')
        router.sysctl('ipv4/icmp_ratelimit', '0')
        yield host, router
    finally:
        host.close()
        router.close()


ROUTER = {  # what the router's table says of 192.0.2.0/24, and what becomes of connect()
    'network': (None, errno.ENETUNREACH),
    'host': ('unreachable', errno.EHOSTUNREACH),
    'administration': ('prohibit', errno.EHOSTUNREACH),
}


@pytest.mark.parametrize('what', [
    pytest.param('network', marks=pytest.mark.case('failures', 'network unreachable by ICMP')),
    pytest.param('host', marks=pytest.mark.case('failures', 'host unreachable by ICMP')),
    'administration'])
@blocking
def test_icmp(trace, routed, what, blocking):
    host, router = routed
    route, wanted = ROUTER[what]
    if route:
        router.run('ip', 'route', 'add', route, '192.0.2.0/24')
    with host:
        client, error = attempt('192.0.2.7', 80, blocking)
    assert error == wanted
    check_fail(trace, client, error, 'handshake', raddr='192.0.2.7', rport=80, laddr='10.1.0.1',
               pid=os.getpid(), netns=host.inode)


# --- while the SYN is on its way ----------------------------------------------------------------

@pytest.fixture
def wired():
    """A namespace, and the other end of its wire, which is played by the test."""
    a, b = Namespace(), Namespace()
    end = wire.Wire(a, b)
    try:
        yield a, end
    finally:
        end.close()
        a.close()
        b.close()


def begin(host):
    with host:
        client = tcp_socket()
        client.setblocking(False)
        assert client.connect_ex((wire.THERE, 80)) == errno.EINPROGRESS
    return client


def outcome(client):
    wait_for_outcome(client)
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@pytest.mark.case('failures', 'reset during the handshake')
@pytest.mark.parametrize('crossed', [False, True], ids=['after the SYN', 'after the SYNs crossed'])
def test_reset(trace, wired, crossed):
    """A reset is the answer to the SYN, or comes when both ends have sent theirs."""
    host, end = wired
    client = begin(host)
    syn = end.receive(wire.SYN)
    if crossed:
        end.send(syn, wire.SYN, 1000)
        end.receive(wire.SYN | wire.ACK)
        end.send(syn, wire.RST, 1001)
    else:
        end.send(syn, wire.RST | wire.ACK, 0, syn.next)
    error = outcome(client)
    assert error == (errno.ECONNRESET if crossed else errno.ECONNREFUSED)
    check_fail(trace, client, error, 'handshake', raddr=wire.THERE, rport=80, laddr=wire.HERE,
               pid=os.getpid(), netns=host.inode)


@pytest.mark.case('failures', 'reset during the handshake')
def test_reset_of_a_half_open_child(trace, wired):
    """A client resets what no server has heard of yet: nothing happened to the listener."""
    host, end = wired
    with host:
        listener = listen_on(wire.HERE, 80)
    listener_id = cookie(listener)
    first = wire.Segment.__new__(wire.Segment)
    first.sport, first.dport = 80, 5555
    end.send(first, wire.SYN, 1000)
    answer = end.receive(wire.SYN | wire.ACK)
    end.send(answer, wire.RST, 1001)
    listener.close()
    trace.wait_for(event='unlisten', id=listener_id)
    assert trace.history(listener_id) == ['listen', 'unlisten']
    assert trace.find(netns=host.inode, rport=5555) == []


@pytest.mark.case('tuples', 'simultaneous open')
def test_simultaneous_open(trace, wired):
    """Both ends connect, and neither listens: one connection, opened from here."""
    host, end = wired
    client = begin(host)
    syn = end.receive(wire.SYN)
    end.send(syn, wire.SYN, 1000)
    end.receive(wire.SYN | wire.ACK)
    end.send(syn, wire.ACK, 1001, syn.next)
    assert outcome(client) == 0
    client.sendall(b'hello')
    assert end.receive(wire.ACK).data == b'hello'
    end.send(syn, wire.ACK | wire.PSH, 1001, syn.next + 5, b'and back')
    client.setblocking(True)
    assert client.recv(8, socket.MSG_WAITALL) == b'and back'
    client_id, port = cookie(client), port_of(client)
    end.send(syn, wire.RST, 1009)
    close = trace.wait_for(event='close', id=client_id)
    wanted = {'tx_bytes': 5, 'rx_bytes': 8, 'reason': 'reset-received', 'lport': port, 'rport': 80,
              'direction': 'out', 'pid': os.getpid(), 'attr': 'connect'}
    assert pick(close, wanted) == wanted
    client.close()
    assert trace.history(client_id) == ['connect', 'established', 'close']


# --- firewall -----------------------------------------------------------------------------------

@pytest.fixture
def firewall(netns):
    """`firewall('tcp dport 80 drop')`: a rule for what leaves an own namespace."""
    if not shutil.which('nft', path='/usr/sbin:/sbin:/usr/bin'):
        pytest.skip('no nft')

    with netns:
        done = subprocess.run(['nft', 'add table inet t'], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f'no nf_tables: {done.stderr.splitlines()[0]}')
    netns.run('nft', 'add chain inet t out { type filter hook output priority 0; }')

    def add(rule):
        netns.run('nft', f'add rule inet t out {rule}')
        return netns
    return add


RULES = {
    'reset': ('reject with tcp reset', errno.ECONNREFUSED),
    'host': ('reject with icmpx type host-unreachable', errno.EHOSTUNREACH),
    'administration': ('reject with icmpx type admin-prohibited', errno.EHOSTUNREACH),
    'drop': ('drop', errno.ETIMEDOUT),
}


@pytest.mark.case('failures', 'firewall rule')
@pytest.mark.parametrize('kind', RULES)
@blocking
def test_firewall(trace, firewall, kind, blocking):
    rule, wanted = RULES[kind]
    ns = firewall(f'tcp dport 80 {rule}')
    with ns, listen_on(port=80):
        client, error = attempt('127.0.0.1', 80, blocking)
        assert error == wanted
        check_fail(trace, client, error, 'handshake', raddr='127.0.0.1', rport=80, netns=ns.inode)


# --- cgroup -------------------------------------------------------------------------------------

def do_attempt(address, port, blocking):
    held['client'], error = attempt(address, port, blocking)
    return cookie(held['client']), error


@pytest.fixture
def closed_cgroup():
    """A cgroup whose processes may not connect()."""
    if not cgroup2_root():
        pytest.skip('no cgroup v2 here')
    group = Cgroup(f'connsnoop-e2e-{os.getpid()}-closed')
    try:
        refuse_connect(group.path)
        yield group
    finally:
        group.close()


@pytest.mark.case('failures', 'cgroup rule')
@pytest.mark.parametrize('address, seen', [
    ('127.0.0.1', '127.0.0.1'), ('::1', '::1'), ('::ffff:127.0.0.1', '127.0.0.1')])
@blocking
def test_cgroup(trace, need, closed_cgroup, address, seen, blocking):
    need(trace, 'fail before the SYN')
    with listen_on('::') as listener, Process(b'in-a-cgroup', cgroup=closed_cgroup) as process:
        port = port_of(listener)
        client_id, error = process.call(do_attempt, address, port, blocking)
        assert error == errno.EPERM
        fail = trace.wait_for(event='fail', id=client_id)
        wanted = {'error': 'EPERM', 'phase': 'local', 'raddr': seen, 'rport': port,
                  'pid': process.pid, 'comm': 'in-a-cgroup', 'attr': 'connect',
                  'cgroup': closed_cgroup.relative, 'ipv': 6 if ':' in seen else 4}
        assert pick(fail, wanted) == wanted
    assert trace.history(client_id) == ['fail']
