"""Names of remote hosts: what name servers have answered, before the connection that follows."""
import contextlib
import os
import random
import shutil
import subprocess

import pytest

from nameserver import (A, AAAA, PTR, NameServer, address, alias, answer, ask_tcp, ask_udp, framed, query, question,
                        record)
from sockets import (TIMEOUT, Namespace, Pair, Process, cookie, listen_on, port_of, reset_on_close, tcp_socket,
                     udp_socket, wait_until)

ZONE = {
    'shop.example': [address('shop.example', '127.0.0.21'), address('shop.example', '::1')],
    'www.example': [alias('www.example', 'cdn.example'), alias('cdn.example', 'edge.example'),
                    address('edge.example', '127.0.0.22'), address('stray.example', '127.0.0.23')],
    'large.example': [address('large.example', f'127.0.1.{i}') for i in range(200)],
    'brief.example': [address('brief.example', '127.0.0.24', ttl=0)],
}


@pytest.fixture
def server(netns):
    with netns:
        with NameServer(zone=ZONE, only_tcp=['large.example']) as one:
            yield one


def connection(trace, to, **fields):
    """Connect there, close, and wait for the last event."""
    with Pair(to) as pair:
        pass
    return trace.wait_for(event='close', id=pair.client_id, raddr=to, **fields)


def test_hook_is_there(trace):
    assert not trace.lacks('dns-answer')


@pytest.mark.parametrize('ask', [ask_udp, lambda *q: ask_udp(*q, connected=False), ask_tcp],
                         ids=['udp', 'udp-unconnected', 'tcp'])
@pytest.mark.parametrize('at, kind, to', [('127.0.0.1', A, '127.0.0.21'), ('127.0.0.53', A, '127.0.0.21'),
                                          ('::1', A, '127.0.0.21'), ('127.0.0.1', AAAA, '::1')])
def test_answer(trace, netns, ask, at, kind, to):
    with netns, NameServer(at, ZONE):
        ask(at, 'Shop.EXAMPLE'.lower(), kind)
        pair = Pair(to)
        for event in 'connect', 'established':
            trace.wait_for(event=event, id=pair.client_id, rname='shop.example', rname_source='dns')
        pair.close()
        trace.wait_for(event='close', id=pair.client_id, rname='shop.example', rname_source='dns')


def test_within_a_millisecond(tracer, netns):
    """The name is there with the first event of each, whatever follows how fast."""
    count = 100
    zone = {f'host{i}.example': [address(f'host{i}.example', f'127.0.2.{i}')] for i in range(count)}
    trace, ids = tracer('-t'), []
    with netns, NameServer(zone=zone), listen_on('0.0.0.0', backlog=count) as listener:
        for i in range(count):
            ask_udp('127.0.0.1', f'host{i}.example')
            with tcp_socket() as sock:
                sock.connect((f'127.0.2.{i}', port_of(listener)))
                ids.append(cookie(sock))
                reset_on_close(sock)
    for i, one in enumerate(ids):
        trace.wait_for(event='close', id=one)
        assert trace.history(one, 'rname') == [(event, f'host{i}.example') for event in (
            'connect', 'established', 'close')]
    trace.stop()


def test_aliases(trace, server):
    """The name is the one that was asked for, not the one that has the address; other records are none."""
    ask_udp(server.at, 'www.example')
    connection(trace, '127.0.0.22', rname='www.example')
    connection(trace, '127.0.0.23', rname=None, rname_source=None)


def test_large_answer(trace, server):
    """One that came in several segments, and one of two that came in one."""
    ask_tcp(server.at, 'large.example')
    connection(trace, '127.0.1.180', rname=None)  # beyond what is kept of one answer
    connection(trace, '127.0.1.0', rname='large.example')
    connection(trace, '127.0.1.60', rname='large.example')


@pytest.mark.parametrize('cut', [None, 1, 2, 3, 20])
def test_stream(trace, netns, cut):
    """Answers that come at once, or in segments that are cut anywhere."""
    both = b''.join(framed(answer(question(name), [address(name, to)])) for name, to in (
        ('one.example', '127.0.0.31'), ('two.example', '127.0.0.32')))
    pieces = [both[i:i + (cut or len(both))] for i in range(0, len(both), cut or len(both))]
    with netns, Pair('127.0.0.1', port=53) as pair:
        pair.client.sendall(framed(query('one.example')) + framed(query('two.example')))
        for piece in pieces:
            pair.server.sendall(piece)
            pair.client.recv(65536)
        connection(trace, '127.0.0.31', rname='one.example')
        connection(trace, '127.0.0.32', rname='two.example')


def test_two_namespaces(trace, netns):
    """The same private address is another host in each; a process of a third is told nothing."""
    other, third = Namespace(), Namespace()
    try:
        for ns, name in (netns, 'left.example'), (other, 'right.example'):
            with ns, NameServer(zone={name: [address(name, '127.0.0.41')]}):
                ask_udp('127.0.0.1', name)
        for ns, name in (netns, 'left.example'), (other, 'right.example'), (third, None):
            with ns:
                connection(trace, '127.0.0.41', rname=name, netns=ns.inode)
    finally:
        other.close()
        third.close()


def test_own_name_first(trace, netns):
    """Two processes know one address by two names: each is shown its own, a third the latest."""
    zone = {name: [address(name, '127.0.0.42')] for name in ('mine.example', 'yours.example')}
    with netns, NameServer(zone=zone), contextlib.ExitStack() as stack:
        mine, yours = (stack.enter_context(Process(b'e2e-asks', netns=netns)) for _ in range(2))
        mine.call(ask_udp, '127.0.0.1', 'mine.example')
        yours.call(ask_udp, '127.0.0.1', 'yours.example')
        with listen_on('127.0.0.42') as listener:
            for process, name in (mine, 'mine.example'), (yours, 'yours.example'):
                pair = process.call(connect_only, '127.0.0.42', port_of(listener))
                trace.wait_for(event='connect', id=pair, rname=name)
        connection(trace, '127.0.0.42', rname='yours.example')


def connect_only(to, port):
    with tcp_socket() as sock:
        sock.connect((to, port))
        return cookie(sock)


def test_time_to_live(trace, server):
    """It ends, but not for a connection that is there."""
    ask_udp(server.at, 'brief.example')
    pair = Pair('127.0.0.24')
    trace.wait_for(event='connect', id=pair.client_id, rname='brief.example')

    def is_over():
        return 'rname' not in connection(trace, '127.0.0.24')
    wait_until(is_over, 'end of a name')
    pair.close()
    trace.wait_for(event='close', id=pair.client_id, rname='brief.example')


def test_numeric(tracer, server):
    """No names, and nothing that looks for them."""
    trace = tracer('-n')
    assert 'dns-answer' not in trace.ways() and 'dns_ingress' not in trace.stderr
    ask_udp(server.at, 'shop.example')
    connection(trace, '127.0.0.21', rname=None, rname_source=None)
    trace.stop()


@pytest.mark.parametrize('columns, wanted', [('time,event,raddr,rport', False), ('event,remote', True),
                                             ('event,rname', True)])
def test_only_where_it_is_shown(tracer, columns, wanted):
    trace = tracer('--columns', columns, json=False)
    trace.stop()
    assert ('dns-answer' in trace.ways()) == wanted


HOSTILE = [b'\x1b[31mred\x1b[0m', b'line\nbreak', b'"quote"', b'\\', b'\xff\xfe', b'\0zero', b'a b', b'a.b']


def test_hostile_names(trace, tracer, netns):
    """Whatever bytes a name has, a line stays a line and a terminal as it was."""
    zone = {'.'.join('x' for _ in range(i + 1)) + '.example': label for i, label in enumerate(HOSTILE)}
    text = tracer('--columns', 'event,remote,rname', json=False)
    with netns, udp_socket(port=53) as sock, udp_socket(port=0) as client:
        client.connect(sock.getsockname())
        for i, label in enumerate(zone.values()):
            name = [label, b'example']
            sock.sendto(answer(question(name), [address(name, f'127.0.3.{i}')]), client.getsockname())
        for i in range(len(zone)):
            event = connection(trace, f'127.0.3.{i}')
            assert event['rname'].endswith('.example') and event['rname'].isprintable(), event
    text.stop()
    assert b'\x1b' not in text.stdout and len(text.stdout.splitlines()) > len(HOSTILE)
    assert all(byte == 10 or 32 <= byte < 127 for byte in text.stdout)


def stats(trace):
    return {line.rpartition(' ')[0].strip(): int(line.split()[-1]) for line in trace.stderr.splitlines()
            if 'answers' in line or line.startswith('names known')}


def test_malformed_answers(tracer, netns):
    """A flood of rubbish is counted, and harms nothing."""
    random.seed(53)
    good = answer(question('fine.example'), [alias('fine.example', 'b.example'), address('b.example', '127.0.0.51')])
    trace = tracer('--stats')
    count = 3000
    with netns, udp_socket(port=53) as sock, udp_socket(port=0) as client:
        client.connect(sock.getsockname())
        for _ in range(count):
            bad = bytearray(good)
            for _ in range(random.randrange(1, 9)):
                bad[random.randrange(len(bad))] = random.randrange(256)
            sock.sendto(bytes(bad[:random.randrange(1, len(bad) + 1)]), client.getsockname())
        sock.sendto(good[:-1], client.getsockname())
        sock.sendto(good, client.getsockname())
        connection(trace, '127.0.0.51')
    with netns, NameServer(zone=ZONE) as again:
        ask_udp(again.at, 'shop.example')
        connection(trace, '127.0.0.21', rname='shop.example')
    trace.stop()
    said = stats(trace)
    assert said['answers of name servers'] + said['lost answers, or parts of them'] >= count + 2, said
    assert 0 < said['malformed answers'] < said['answers of name servers'], said


def test_not_asked(trace, netns):
    """A datagram from port 53 to a server's port is no answer: it has asked nobody. Nor is what a client sends."""
    lie = answer(question('lie.example'), [address('lie.example', '127.0.0.52')])
    with netns, udp_socket(port=4500) as victim, udp_socket(port=53) as sock:
        sock.sendto(lie, victim.getsockname())
        assert victim.recv(4096) == lie
        with Pair('127.0.0.1', bind=('127.0.0.1', 53)) as pair:
            pair.exchange(up=framed(lie))
        connection(trace, '127.0.0.52', rname=None)


def test_asked_from_a_port_of_its_own(trace, netns):
    """As dnsmasq asks: from one socket that is bound to a port and connected to nobody."""
    with netns, NameServer(zone=ZONE), udp_socket(port=4501) as sock:
        sock.sendto(query('shop.example'), ('127.0.0.1', 53))
        sock.recv(4096)
        connection(trace, '127.0.0.21', rname='shop.example')


def rss_kib(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))


def test_many_names(tracer, netns):
    """More than are remembered: the memory is bounded, the last are known."""
    each, count = 64, 2000
    trace = tracer('-t', '--stats')
    before = rss_kib(trace.process.pid)
    with netns, udp_socket(port=53) as sock, udp_socket(port=0) as client:
        client.connect(sock.getsockname())
        for i in range(count):
            name = f'host-with-a-name-of-usual-length-{i}.example'
            sock.sendto(answer(question(name), [address(name, f'10.{j}.{i >> 8}.{i & 255}', ttl=86400) for j in range(each)]),
                        client.getsockname())
            if i % 100 == 99:
                connection(trace, '127.0.0.1')  # that much has been read
        name = 'last.example'
        sock.sendto(answer(question(name), [address(name, '127.0.0.61')]), client.getsockname())
        connection(trace, '127.0.0.61', rname=name)
        grown = rss_kib(trace.process.pid) - before
    trace.stop()
    said = stats(trace)
    assert said['names known at the end'] <= 100_000, said
    if not said['lost answers, or parts of them']:
        assert said['names known at the end'] == 100_000, said
    assert 0 < grown < 128 << 10, grown


# --- what the machine knows itself, and what it is asked -----------------------------------------

@pytest.fixture
def files(tmp_path):
    """Before a command: its /etc/resolv.conf and /etc/hosts are these, whatever the machine's are."""
    (tmp_path / 'resolv.conf').write_text('nameserver 127.0.0.1\n')
    (tmp_path / 'hosts').write_text('127.0.0.1 localhost\n127.0.0.71 db.internal db # its name\n')
    return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0/resolv.conf" /etc/resolv.conf && '
            'mount --bind "$0/hosts" /etc/hosts && exec "$@"', str(tmp_path)]


def test_hosts(tracer, netns, files, tmp_path):
    trace = tracer(wrap=files)
    with netns:
        connection(trace, '127.0.0.71', rname='db.internal', rname_source='hosts')
        (tmp_path / 'hosts').write_text('127.0.0.71 warehouse\n')
        wait_until(lambda: connection(trace, '127.0.0.71')['rname'] == 'warehouse', 'the new name')
    trace.stop()


def test_resolve(tracer, netns, files):
    """Asked for once, for no line waits: a later one has it. Nothing is told of the asking itself."""
    name, reverse = b'\4told\7example\0', '88.0.0.127.in-addr.arpa'
    with netns, NameServer(zone={reverse: [record(reverse, PTR, 60, name)]}):
        trace = tracer('--resolve', wrap=files)
        wait_until(lambda: 'rname' in connection(trace, '127.0.0.88'), 'an answer')
        connection(trace, '127.0.0.88', rname='told.example', rname_source='lookup')
        trace.stop()
    assert not trace.find(pid=trace.process.pid)


def test_resolve_and_numeric(tracer):
    trace = tracer('-n', '--resolve', start=False)
    assert trace.process.wait(TIMEOUT) == 2
    assert '--resolve asks for names' in trace.stderr


# --- real clients and servers ----------------------------------------------------------------------

# What it runs, the address that it is told, and whether it asks again by TCP.
CLIENTS = {
    'getent': (['getent', 'hosts', 'large.example'], '127.0.1.0', True),
    'dig': (['dig', '+short', '@127.0.0.1', 'large.example'], '127.0.1.0', True),
    'curl': (['curl', '-s', '-m', '5', 'http://large.example:8053/'], '127.0.1.0', True),
    'python3': (['python3', '-c', 'import socket; socket.getaddrinfo("large.example", 1)'], '127.0.1.0', True),
    'busybox': (['busybox', 'nslookup', 'shop.example', '127.0.0.1'], '127.0.0.21', False),
}


@pytest.mark.parametrize('client', CLIENTS)
def test_clients(trace, server, files, client):
    """What is truncated by UDP they ask again by TCP."""
    if not shutil.which(client):
        pytest.skip(f'no {client}')
    command, to, by_tcp = CLIENTS[client]
    subprocess.run([*files, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert bool(server.by_tcp) == by_tcp
    connection(trace, to, rname={'127.0.1.0': 'large.example', '127.0.0.21': 'shop.example'}[to], rname_source='dns')


@pytest.fixture
def stub(server, tmp_path):
    """dnsmasq in between, as the clients of a machine see it."""
    if not shutil.which('dnsmasq'):
        pytest.skip('no dnsmasq')
    dnsmasq = subprocess.Popen(['dnsmasq', '-k', '-C', '/dev/null', '--listen-address=127.0.0.53', '--bind-interfaces',
                                '-R', '-h', '-S', '127.0.0.1', '--user=root', f'--pid-file={tmp_path}/pid'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def answers():
            with udp_socket('127.0.0.53') as sock, contextlib.suppress(OSError):
                sock.settimeout(0.2)
                sock.connect(('127.0.0.53', 53))
                sock.send(query('nothing.example'))
                return sock.recv(4096)
        wait_until(answers, 'dnsmasq')
        yield '127.0.0.53'
    finally:
        dnsmasq.kill()
        dnsmasq.wait()


def test_stub(trace, stub):
    """Both see an answer: the stub, and the client that knows of it alone."""
    ask_udp(stub, 'www.example')
    pair = Pair('127.0.0.22')
    trace.wait_for(event='connect', id=pair.client_id, pid=os.getpid(), rname='www.example')
    pair.close()
