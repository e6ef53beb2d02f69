"""Names from real resolvers, as real clients ask them: the name of a connection is the one that was asked for."""
import os
import random
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from nameserver import A, AAAA, NameServer, address, answer, framed, query, question
from resolvers import AUTHORITY, AUTHORITY6, BY_TCP, MANY, PREFIX6, RESOLVED, STUB, Resolvers, resolved_binary
from sockets import TIMEOUT, Process, cookie, listen_on, port_of, receive_all, tcp_socket, udp_socket

KINDS = 'connect', 'established', 'close'
PLAIN, WIDE = '127.0.1.1', [f'127.0.2.{i}' for i in range(MANY)]
SIX, WIDE6 = f'{PREFIX6}1', [f'{PREFIX6}2:{i:x}' if i else f'{PREFIX6}2:0' for i in range(MANY)]
SOURCE = os.path.join(os.path.dirname(__file__), 'asks.c')


def need_programs(*names):
    for name in names:
        if not shutil.which(name):
            pytest.skip(f'no {name}')


@pytest.fixture(scope='module')
def servers(tmp_path_factory):
    need_programs('unbound')
    running = Resolvers(tmp_path_factory.mktemp('resolvers'))
    try:
        yield running
    finally:
        running.close()


def compiled(compiler, directory):
    need_programs(compiler)
    path = directory / f'asks-{compiler}'
    if not path.exists():
        subprocess.run([compiler, '-O', '-static', '-o', str(path), SOURCE], check=True, timeout=TIMEOUT,
                       stderr=subprocess.PIPE)
    return str(path)


def run_client(servers, server, command, *options):
    done = subprocess.run([*servers.asking(server, *options), *command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
    return done.returncode, done.stdout.decode(errors='replace')


def check_story(trace, socket_id, name):
    """All events of a connection have the name."""
    trace.wait_for(event='close', id=socket_id)
    assert trace.history(socket_id, 'rname', 'rname_source') == [(kind, name, 'dns') for kind in KINDS]


def check_client(trace, servers, name, **fields):
    """A process has connected by that name: all its events have it."""
    found = trace.wait_for(event='close', direction='out', rport=servers.web.port, netns=servers.ns.inode, rname=name,
                           **fields)
    check_story(trace, found['id'], name)


def connect_to(servers, to):
    with tcp_socket(to) as sock:
        sock.connect((to, servers.web.port))
        one = cookie(sock)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass
    return one


def check_address(trace, servers, to, name):
    """A connection of another process to what was told: by the namespace."""
    one = connect_to(servers, to)
    if name:
        check_story(trace, one, name)
    else:
        trace.wait_for(event='close', id=one, rname=None)


# --- clients that connect ----------------------------------------------------------------------------

PYTHON = ('import socket, sys\nwith socket.create_connection(sys.argv[1:3]) as s:\n'
          '    s.shutdown(socket.SHUT_WR)\n    while s.recv(4096): pass')


def commands(client, directory, name, port):
    if client in ('musl-gcc', 'cc'):
        return [compiled(client, directory), name, str(port)]
    need_programs(client)
    return {
        'curl': ['curl', '-s', '-m', '10', '--noproxy', '*', f'http://{name}:{port}/'],
        'python3': [sys.executable, '-I', '-S', '-c', PYTHON, name, str(port)],
        'busybox': ['busybox', 'wget', '-q', '-O', '/dev/null', f'http://{name}:{port}/'],
    }[client]


CONNECTING = 'curl', 'python3', 'busybox', 'musl-gcc'
SERVERS = {'authority': AUTHORITY, 'authority6': AUTHORITY6, 'by-tcp': BY_TCP, 'stub': STUB, 'resolved': RESOLVED}


def need_server(server):
    if server == 'stub':
        need_programs('dnsmasq')
    if server == 'resolved' and not resolved_binary():
        pytest.skip('no systemd-resolved')


@pytest.mark.case('names', 'real resolvers and clients, UDP and TCP')
@pytest.mark.parametrize('client, kind, to', [
    (client, kind, to) for kind, to in (('plain', PLAIN), ('alias', '127.0.1.2'), ('six', SIX), ('wide', None))
    for client in CONNECTING if (client, kind) != ('musl-gcc', 'wide')])  # musl asks by TCP since 1.2.4 only
def test_client(trace, servers, client, kind, to):
    """By the stub, which asks a resolver that asks the authority by TCP."""
    need_programs('dnsmasq')
    name = f'{client}.{kind}.example'
    with servers.ns:
        status, said = run_client(servers, STUB, commands(client, servers.directory, name, servers.web.port))
    assert status == 0, said
    check_client(trace, servers, name, **({'raddr': to} if to else {}))


@pytest.mark.case('names', 'real resolvers and clients, UDP and TCP')
@pytest.mark.parametrize('kind', ['plain', 'six', 'alias', 'wide6', 'brief'])
@pytest.mark.parametrize('server', SERVERS)
def test_server(trace, servers, server, kind):
    need_server(server)
    name = f'{server}.{kind}.example'
    with servers.ns:
        status, said = run_client(servers, SERVERS[server],
                                  commands('python3', servers.directory, name, servers.web.port))
    assert status == 0, said
    check_client(trace, servers, name)


@pytest.mark.parametrize('name', ['bücher.example', 'BÜCHER.example'])
def test_international(trace, servers, name):
    """As it is asked for on the wire."""
    with servers.ns:
        status, said = run_client(servers, AUTHORITY, [sys.executable, '-I', '-S', '-c', PYTHON, name, str(servers.web.port)])
    assert status == 0, said
    check_client(trace, servers, 'xn--bcher-kva.example', raddr='127.0.1.4')


def test_search_domain(trace, servers):
    """The name with its suffix, which is the one that exists."""
    with servers.ns:
        status, said = run_client(servers, AUTHORITY, [sys.executable, '-I', '-S', '-c', PYTHON, 'short', str(servers.web.port)],
                                  'search nowhere.example plain.example')
    assert status == 0, said
    check_client(trace, servers, 'short.plain.example')


# --- clients that only ask ---------------------------------------------------------------------------

ASKING = {
    'dig': ['dig', '@{server}', '{name}'],
    'dig by TCP': ['dig', '+tcp', '@{server}', '{name}'],
    'dig without EDNS': ['dig', '+noedns', '@{server}', '{name}'],
    'dig with a small buffer': ['dig', '+bufsize=512', '@{server}', '{name}'],
    'dig with a large buffer': ['dig', '+bufsize=4096', '@{server}', '{name}'],
    'host': ['host', '{name}', '{server}'],
    'nslookup': ['nslookup', '{name}', '{server}'],
    'getent': ['getent', 'ahosts', '{name}'],
}


@pytest.mark.case('names', 'real resolvers and clients, UDP and TCP')
@pytest.mark.parametrize('kind', ['plain', 'wide'])
@pytest.mark.parametrize('client', ASKING)
def test_asking(trace, servers, client, kind):
    need_programs(ASKING[client][0])
    name = f'{client.replace(" ", "-").lower()}.{kind}.example'
    command = [part.format(name=name, server=AUTHORITY) for part in ASKING[client]]
    with servers.ns:
        status, said = run_client(servers, AUTHORITY, command)
        assert status == 0, said
        check_address(trace, servers, PLAIN if kind == 'plain' else WIDE[0], name)


@pytest.mark.parametrize('option', ['+bufsize=512', '+bufsize=4096', '+tcp'])
def test_all_addresses(trace, servers, option):
    """Of an answer with as many as are kept: cut and asked for again by TCP, in one datagram, by TCP at once."""
    need_programs('dig')
    name = f'all{option[1:].replace("=", "")}.wide6.example'
    with servers.ns:
        status, said = run_client(servers, AUTHORITY, ['dig', option, f'@{AUTHORITY}', name, 'AAAA'])
        assert status == 0 and said.count(PREFIX6) == MANY, said
        ids = [connect_to(servers, to) for to in WIDE6]
    for one in ids:
        check_story(trace, one, name)


def test_subtree_alias(trace, servers):
    need_programs('dig')
    with servers.ns:
        run_client(servers, AUTHORITY, ['dig', f'@{AUTHORITY}', 'shop.old.example'])
        check_address(trace, servers, '127.0.1.5', 'shop.old.example')


@pytest.mark.parametrize('name', ['none.example', 'empty.example', 'x.fails'])
def test_no_address(trace, servers, name):
    """No such name, no such record, a server that fails: what was known before stays."""
    need_programs('dig')
    own = f'before-{name}.plain.example'
    with servers.ns:
        run_client(servers, AUTHORITY, ['dig', f'@{AUTHORITY}', own])
        _, said = run_client(servers, AUTHORITY, ['dig', '+time=5', '+tries=1', f'@{AUTHORITY}', name])
        assert 'ANSWER: 0' in said, said
        check_address(trace, servers, PLAIN, own)


# --- clients that write their own queries --------------------------------------------------------------

def receive_message(sock):
    return receive_all(sock, int.from_bytes(receive_all(sock, 2), 'big'))


def both_at_once(server, name, to, port):
    """A and AAAA from one socket with a port of its own, what is cut again by TCP; then connect, in the same process."""
    with udp_socket(server) as sock:
        while True:
            try:
                sock.bind(('', random.randrange(20000, 60000)))
                break
            except OSError:
                continue
        for number, kind in (1, A), (2, AAAA):
            sock.sendto(query(name, kind, number), (server, 53))
        answers = [sock.recvfrom(65536)[0] for _ in range(2)]
    for reply in answers:
        if reply[2] & 2:
            with tcp_socket(server) as sock:
                sock.connect((server, 53))
                sock.sendall(framed(query(name, A if reply[1] == 1 else AAAA, reply[1])))
                receive_message(sock)
    with tcp_socket(to) as sock:
        sock.connect((to, port))
        return cookie(sock)


@pytest.mark.case('names', 'real resolvers and clients, UDP and TCP')
@pytest.mark.parametrize('server', ['authority', 'stub'])
@pytest.mark.parametrize('kind, to', [('plain', PLAIN), ('wide', WIDE[0]), ('wide6', WIDE6[1])])
def test_own_queries(trace, servers, server, kind, to):
    need_programs('dnsmasq')
    name = f'own-{server}.{kind}.example'
    with Process(b'e2e-own', netns=servers.ns) as process:
        one = process.call(both_at_once, SERVERS[server], name, to, servers.web.port)
    check_story(trace, one, name)


def test_pipelined(trace, servers):
    """Many questions in one segment, by TCP; the answers come in any order."""
    names = [f'pipe{i}.{kind}.example' for i, kind in enumerate(['plain', 'alias', 'brief', 'wide6', 'six'] * 4)]
    with servers.ns:
        with tcp_socket(AUTHORITY) as sock:
            sock.connect((AUTHORITY, 53))
            sock.sendall(b''.join(framed(query(name, AAAA if 'wide6' in name or 'six' in name else A, i))
                                  for i, name in enumerate(names)))
            order = [int.from_bytes(receive_message(sock)[:2], 'big') for _ in names]
        last = {names[i].split('.')[1]: names[i] for i in order}
        for kind, to in ('plain', PLAIN), ('alias', '127.0.1.2'), ('brief', '127.0.1.3'), ('six', SIX):
            check_address(trace, servers, to, last[kind])


# --- at once, and from whom --------------------------------------------------------------------------

@pytest.mark.case('names', 'connection within a millisecond of the answer')
@pytest.mark.parametrize('how', ['connected', 'unconnected', 'bound'])
def test_at_once(tracer, netns, how, tmp_path):
    """A client that connects to each as soon as it has read the answer: none is without its name."""
    count = 1000
    zone = {f'host{i}.example': [address(f'host{i}.example', f'127.1.{i >> 8}.{i & 255}')] for i in range(count)}
    client = compiled('cc', tmp_path)
    trace = tracer('--stats')
    with netns, listen_on('0.0.0.0', backlog=16) as listener, NameServer(zone=zone):
        def accept():
            for _ in range(count):
                listener.accept()[0].close()
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        process = subprocess.Popen([client, str(count), str(port_of(listener)), '127.0.0.1', how])
        assert process.wait(2 * TIMEOUT) == 0
        thread.join()
    closed = trace.wait_for(count, event='close', pid=process.pid, proto='tcp')
    bad = [event for event in trace.find(pid=process.pid, proto='tcp') if event.get('rname') != 'host{}.example'.format(
        int(event['raddr'].split('.')[2]) * 256 + int(event['raddr'].split('.')[3]))]
    assert not bad, f'{len(bad)} of {len(closed)}, {bad[:3]}'
    trace.stop()


@pytest.mark.case('names', 'answers from whom nobody has asked')
@pytest.mark.parametrize('connected', [True, False])
@pytest.mark.parametrize('source', [('127.0.0.66', 53), ('127.0.0.1', 5353), ('127.0.0.66', 5353)])
def test_forged(trace, netns, source, connected):
    """Somebody else answers first, with the right number and question."""
    lie = f'127.0.5.{10 * connected + 20 * (source[1] == 53) + int(source[0][-1])}'
    with netns, udp_socket(port=53) as server, udp_socket(*source) as forger, udp_socket() as client:
        if connected:
            client.connect(server.getsockname())
        if connected:
            client.send(query('true.example'))
        else:
            client.sendto(query('true.example'), server.getsockname())
        asked, who = server.recvfrom(4096)
        assert asked == query('true.example')
        forger.sendto(answer(question('true.example'), [address('true.example', lie)]), ('127.0.0.1', who[1]))
        server.sendto(answer(question('true.example'), [address('true.example', '127.0.5.200')]), who)
        client.recv(4096)
        for to, name in (lie, None), ('127.0.5.200', 'true.example'):
            with listen_on(to) as listener, tcp_socket(to) as sock:
                sock.connect(listener.getsockname())
                trace.wait_for(event='connect', id=cookie(sock), rname=name)


def rss_kib(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))


@pytest.mark.case('names', 'more names than are remembered')
def test_twice_as_many_names(tracer, netns):
    """Twice as many as are remembered, each of its own: an open connection keeps its name, an old one goes."""
    trace = tracer('--stats')

    def tell(sock, client, i):
        name = f'a-host-with-a-name-of-usual-length-{i}.example'
        to = f'127.{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}'
        sock.sendto(answer(question(name), [address(name, to, ttl=86400)]), client.getsockname())
        client.recv(4096)
        return name, to

    def connect(to):
        sock = tcp_socket()
        sock.connect((to, port_of(listener)))
        return sock, cookie(sock)

    with netns, udp_socket(port=53) as sock, udp_socket(port=0) as client, listen_on('0.0.0.0', backlog=4096) as listener:
        client.connect(sock.getsockname())
        name, to = tell(sock, client, 0)
        kept, kept_id = connect(to)
        trace.wait_for(event='connect', id=kept_id, rname=name)
        before = rss_kib(trace.process.pid)
        for i in range(1, 200_000):
            last, last_to = tell(sock, client, i)
            if i % 2000 == 0:  # that much has been read
                one, one_id = connect(last_to)
                one.close()
                trace.wait_for(event='close', id=one_id, rname=last)
        grown = rss_kib(trace.process.pid) - before
        old, old_id = connect(to)
        trace.wait_for(event='connect', id=old_id, rname=None)
        for one in kept, old:
            one.close()
        trace.wait_for(event='close', id=kept_id, rname=name)
    trace.stop()
    said = {line.rpartition(' ')[0].strip(): int(line.split()[-1]) for line in trace.stderr.splitlines()
            if 'answers' in line or line.startswith('names known')}
    assert said['names known at the end'] == 100_000 and not said['lost answers, or parts of them'], said
    print(f'{grown} KiB')
    assert grown < 40 << 10
