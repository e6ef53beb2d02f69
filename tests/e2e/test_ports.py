"""connsnoop ports: who has which ports open, what opens and closes, and drift from a baseline.

Everything else on the machine is left out by --lport, or by the name of the process.
"""
import csv
import datetime
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from sockets import (START_TIMEOUT, TIMEOUT, Process, do_close, do_listen, listen_on, netns_of,
                     cookie, port_of, udp_socket, wait_until)
from tracing import BACKEND, BINARY, parse_line, pick

PYTHON = ['/usr/bin/python3', '-S', '-E', '-c']
ROW = {'ts', 'event', 'proto', 'id', 'netns', 'attr'}  # in each


def ports(*args, status=0, text=False):
    """Run it to its end: its lines as objects, or its text."""
    done = subprocess.run([BINARY, 'ports', *([] if text else ['-j']), *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=2 * START_TIMEOUT)
    assert done.returncode == status, done.stderr.decode()
    if text:
        return done.stdout.decode()
    return [parse_line(line) for line in done.stdout.splitlines()]


def refused(*args, status=1):
    done = subprocess.run([BINARY, 'ports', *args], capture_output=True, text=True, timeout=START_TIMEOUT)
    assert done.returncode == status, done.stderr
    assert not done.stdout
    return done.stderr


def at(*socks):
    """The option that leaves only these sockets; each has its cookie by now, so that it is the id on 5.10 too."""
    assert all(map(cookie, socks))
    return '-L' + ','.join(str(port_of(s)) for s in socks)


def only(rows, **fields):
    found = [row for row in rows if pick(row, fields) == fields]
    assert len(found) == 1, f'{len(found)} rows with {fields} of {json.dumps(rows)}'
    return found[0]


def own(sock):
    return {'lport': port_of(sock), 'pid': os.getpid(), 'id': cookie(sock)}


class Watch:
    """A running `ports`, and its lines so far."""

    def __init__(self, *args):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [BINARY, 'ports', '-v', '-j', '--backend', BACKEND, *args], stdin=subprocess.DEVNULL,
            stdout=self.out, stderr=self.err)
        try:
            wait_until(self.has_begun, 'watching', START_TIMEOUT)
        except BaseException:
            self.kill()
            raise

    def has_begun(self):
        assert self.process.poll() is None, self.stderr
        return 'debug: watching\n' in self.stderr

    @property
    def stderr(self):
        return os.pread(self.err.fileno(), 1 << 24, 0).decode()

    @property
    def rows(self):
        """The ports; what a kernel that preempts has skipped is told beside them."""
        data = os.pread(self.out.fileno(), 1 << 24, 0)
        lines = [parse_line(line) for line in data[:data.rfind(b'\n') + 1].splitlines()]
        lost = [line for line in lines if line['event'] == 'lost']
        assert all(line['reason'] == 'nested' for line in lost), lost
        return [line for line in lines if line not in lost]

    def wait_for(self, **fields):
        wait_until(lambda: [r for r in self.rows if pick(r, fields) == fields], f'a row with {fields}')
        return only(self.rows, **fields)

    def lacks(self, hook):
        return f'no hook for {hook} ' in self.stderr

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(START_TIMEOUT) == 0, self.stderr
        return self.rows

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


# --- what is open ---------------------------------------------------------------------------------

def test_rows():
    """TCP that listens and UDP ports that were named; neither connections nor clients' ports."""
    with listen_on('0.0.0.0', backlog=7) as every, listen_on('127.0.0.2') as loopback, \
            listen_on('::') as six, udp_socket('127.0.0.1', 0) as found:
        free = port_of(found)
        found.close()
        with udp_socket('127.0.0.1', free) as named, udp_socket('127.0.0.1') as client:
            client.connect(named.getsockname())
            connection = socket.create_connection(loopback.getsockname())
            rows = ports(at(every, loopback, six, named, client, connection))
            connection.close()
            assert len(rows) == 4, rows
            for row in rows:
                assert ROW <= row.keys() and row['event'] == 'port'
                assert row['comm'] and row['exe'] == os.readlink('/proc/self/exe')
                assert (row['uid'], row['user']) == (0, 'root')
                assert not {'raddr', 'rport', 'direction', 'change', 'state', 'accepted'} & row.keys()
            assert only(rows, **own(every))['backlog'] == 7
            assert only(rows, **own(every))['scope'] == 'every-interface'
            assert pick(only(rows, **own(loopback)), ('scope', 'laddr')) == {
                'scope': 'loopback', 'laddr': '127.0.0.2'}
            assert pick(only(rows, **own(six)), ('ipv', 'laddr', 'scope')) == {
                'ipv': 6, 'laddr': '::', 'scope': 'every-interface'}
            udp = only(rows, **own(named))
            assert (udp['proto'], udp['lorigin']) == ('udp', 'bound')
            assert not {'backlog', 'connections'} & udp.keys()
            assert [row['lport'] for row in rows[:3]] == sorted(row['lport'] for row in rows[:3])


def bind_to_loopback(sock, port):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo')
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections to that port may be in TIME-WAIT
    sock.bind(('0.0.0.0', port))


def test_bound_to_a_device():
    """The device narrows the address, in what is open already and in what is opened."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
            listen_on('0.0.0.0') as found:
        port = port_of(found)
        found.close()
        with Watch('--watch', '-L', str(port)) as watch:
            bind_to_loopback(tcp, port)
            tcp.listen()
            bind_to_loopback(udp, port)
            opened = [watch.wait_for(proto='tcp', change='new')]
            if not watch.lacks('udp-bind'):
                opened.append(watch.wait_for(proto='udp', change='new'))
            rows = ports('-L', str(port))
            assert len(rows) == 2, rows
            for row in opened + rows:
                assert pick(row, ('laddr', 'scope')) == {'laddr': '0.0.0.0', 'scope': 'loopback'}, row


def test_since_is_the_start_of_the_process():
    begun = time.time()
    with Process() as process, listen_on() as mine:
        process.call(do_listen, '127.0.0.1', 0)
        rows = ports('-p', f'{process.pid},{os.getpid()}', '-t', '--columns', 'since')
        row = only(rows, pid=process.pid)
        since = datetime.datetime.fromisoformat(row['since'][:26]).replace(tzinfo=datetime.timezone.utc)
        assert begun - 1 <= since.timestamp() <= time.time() + 1
        assert only(rows, **own(mine))['since'] < row['since']


def test_connections():
    with listen_on() as listener, listen_on() as quiet:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        servers = [listener.accept()[0] for _ in range(2)]  # one waits
        rows = ports(at(listener, quiet))
        assert only(rows, **own(listener))['connections'] == 3
        assert only(rows, **own(quiet))['connections'] == 0
        for sock in clients + servers:
            sock.close()


def test_one_row_and_all_its_owners():
    with listen_on() as listener, Process(comm=b'holder', keep=[listener]) as other:
        row = only(ports(at(listener)), lport=port_of(listener))
        assert row['pid'] == min(os.getpid(), other.pid)
        assert {(o['pid'], o['comm']) for o in row['owners']} >= {(other.pid, 'holder')}
        assert {o['pid'] for o in row['owners']} == {os.getpid(), other.pid}


def test_same_port_of_two_processes():
    with Process() as process, listen_on('127.0.0.1') as mine:
        _, port = process.call(do_listen, '127.0.0.3', port_of(mine))
        rows = ports('-L', str(port))
        assert {(r['laddr'], r['pid']) for r in rows} == {
            ('127.0.0.1', os.getpid()), ('127.0.0.3', process.pid)}


def test_two_namespaces(netns):
    with Process(netns=netns) as inside, listen_on() as mine:
        _, port = inside.call(do_listen, '0.0.0.0', port_of(mine))
        rows = ports('-L', str(port))
        assert only(rows, pid=os.getpid())['scope'] == 'loopback'
        there = only(rows, pid=inside.pid)
        assert (there['scope'], there['netns'], there['laddr']) == ('container', netns.inode, '0.0.0.0')
        assert only(rows, pid=os.getpid())['netns'] == netns_of()
        assert [r['pid'] for r in ports('-L', str(port), '--netns', str(inside.pid))] == [inside.pid]


def test_names_that_do_not_fit():
    with Process(comm=b'sshd') as sshd, Process(comm=b'nc', netns=None) as other:
        sshd.call(do_listen, '127.0.0.1', 0)
        other.call(do_listen, '127.0.0.22', 22)
        rows = ports('-p', f'{sshd.pid},{other.pid}')
        assert only(rows, pid=sshd.pid)['unexpected'] == 'ssh-elsewhere'
        assert only(rows, pid=other.pid)['unexpected'] == 'not-ssh'
        other.call(do_close, 'listener')
        sshd.call(do_close, 'listener')
        sshd.call(do_listen, '127.0.0.22', 22)
        assert 'unexpected' not in only(ports('-p', str(sshd.pid)), pid=sshd.pid)


def test_numeric():
    with listen_on('127.0.0.22', 22) as listener:
        assert 'service' in only(ports(at(listener), '-p', str(os.getpid())), **own(listener))
        row = only(ports(at(listener), '-p', str(os.getpid()), '-n'), **own(listener))
        assert not {'service', 'lservice', 'user'} & row.keys()


# --- formats --------------------------------------------------------------------------------------

HOSTILE = b'|"=,\n\x1b`<b>\xff|'


def test_csv_of_a_hostile_name():
    with Process(comm=HOSTILE) as process:
        _, port = process.call(do_listen, '127.0.0.1', 0)
        text = ports('-p', str(process.pid), '--csv', text=True)
        head, row = csv.reader(io.StringIO(text, newline=''), strict=True)
        assert len(head) == len(row)
        row = dict(zip(head, row))
        assert (row['lport'], row['pid']) == (str(port), str(process.pid))
        assert row['comm'] == '|"=,\\x0a\\x1b`<b>\\xff|'
        assert text.endswith('\r\n') and '\x1b' not in text


def test_csv_is_no_formula():
    with Process(comm=b'=cmd()') as process:
        process.call(do_listen, '127.0.0.1', 0)
        text = ports('-p', str(process.pid), '--csv', '--columns', 'comm,pid', '--no-header', text=True)
        assert text == f'\\x3dcmd(),{process.pid}\r\n'


def test_markdown_of_a_hostile_name():
    with Process(comm=HOSTILE) as process:
        process.call(do_listen, '127.0.0.1', 0)
        text = ports('-p', str(process.pid), '--markdown', '--columns', 'comm,pid', text=True)
        assert text.splitlines() == [
            '| comm | pid |', '| --- | --- |',
            rf'| \|"=,\\x0a\\x1b\`\<b\>\\xff\| | {process.pid} |']


def test_list_has_the_formats_too():
    with listen_on() as listener:
        done = subprocess.run([BINARY, 'list', '-l', '--csv', at(listener)], capture_output=True, text=True,
                              timeout=START_TIMEOUT)
        head, row = csv.reader(io.StringIO(done.stdout, newline=''), strict=True)
        assert dict(zip(head, row))['lport'] == str(port_of(listener))


def test_text_is_a_line_a_port():
    with Process(comm=b'a\nb c') as process:
        process.call(do_listen, '127.0.0.1', 0)
        head, row = ports('-p', str(process.pid), text=True).splitlines()
        assert head.split()[:3] == ['PROTO', 'LOCAL', 'SCOPE']
        assert f'{process.pid}/a\\x0ab\\x20c' in row.split()


# --- for a while ----------------------------------------------------------------------------------

def test_watch():
    with listen_on() as before, listen_on() as later:
        port = port_of(later)
        later.close()
        with Watch('--watch', f'{at(before)},{port}') as watch:
            first = watch.wait_for(lport=port_of(before), change=None)
            assert first['id'] == cookie(before)
            with listen_on(port=port) as opened:
                row = watch.wait_for(lport=port, change='new')
                assert pick(row, own(opened)) == own(opened)
                assert row['since'] >= row['ts'][:10] and row['accepted'] == 0
                with socket.create_connection(opened.getsockname()), opened.accept()[0]:
                    pass
            gone = watch.wait_for(lport=port, change='gone')
            accepts = not watch.lacks('tcp-accept')
            assert gone['accepted'] == (1 if accepts else 0)
            rows = watch.stop()
            assert only(rows, lport=port_of(before), change='open')['connections'] == 0
            assert len(rows) == 4, json.dumps(rows)


def test_watch_misses_nothing_between(netns):
    """A port that is opened while the watch begins is told once, as open or as new."""
    with Process(netns=netns) as process:
        with Watch('--watch', '--netns', str(process.pid)) as watch:
            ids = {process.call(do_listen, '127.0.0.1', 0)[0] for _ in range(20)}
            wait_until(lambda: ids <= {r['id'] for r in watch.rows}, 'all ports')
            told = [r['id'] for r in watch.rows if r.get('change') in (None, 'new')]
            assert sorted(told) == sorted(set(told)) and ids == set(told)


def test_udp_watch():
    with udp_socket('127.0.0.1', 0) as found:
        port = port_of(found)
        found.close()
        with Watch('--watch', '-u', '-L', str(port)) as watch:
            if watch.lacks('udp-bind'):
                pytest.skip('no hook for udp-bind')
            with udp_socket('127.0.0.1', port) as sock:
                assert watch.wait_for(change='new')['id'] == cookie(sock)
            if not watch.lacks('udp-close'):
                watch.wait_for(change='gone', lport=port)


def test_duration_keeps_what_was_closed():
    with listen_on() as found:
        port = port_of(found)
    with Watch('-d', '3', '-L', str(port)) as watch:
        listen_on(port=port).close()
        assert watch.process.wait(START_TIMEOUT) == 0
        assert only(watch.rows, lport=port)['change'] == 'gone'


def test_owners_are_read_anew():
    """Sockets are read when the time begins and when it ends."""
    with listen_on() as listener, Process(keep=[listener]) as other:
        row = only(ports(at(listener), '-d', '0.1', '--backend', BACKEND), change='open')
        assert sorted(o['pid'] for o in row['owners']) == sorted([os.getpid(), other.pid])


def test_outbound():
    with listen_on() as old, listen_on() as new:
        with socket.create_connection(old.getsockname()), \
                Watch('--watch', '--outbound', '--out', '-R', f'{port_of(old)},{port_of(new)}') as watch:
            first = watch.wait_for(rport=port_of(old), change=None)
            assert first['exe'] == os.readlink('/proc/self/exe') and first['direction'] == 'out'
            assert not {'laddr', 'lport', 'scope', 'connections'} & first.keys()
            for listener in (old, new, new):
                socket.create_connection(listener.getsockname()).close()
            watch.wait_for(rport=port_of(new), change='new')
            rows = watch.stop()
            assert [r['rport'] for r in rows if r.get('change') != 'open'] == [port_of(old), port_of(new)]


# --- the baseline ---------------------------------------------------------------------------------

@pytest.fixture
def baseline(tmp_path):
    """Writes rules; the path of the file."""
    def write(*rules):
        path = tmp_path / 'baseline'
        path.write_text(''.join((r if isinstance(r, str) else json.dumps(r)) + '\n' for r in rules))
        return str(path)
    return write


def test_no_drift(tmp_path):
    path = str(tmp_path / 'baseline')
    with Process(comm=HOSTILE) as process, listen_on('::') as mine:
        process.call(do_listen, '127.0.0.1', 0)
        which = ['-p', f'{process.pid},{os.getpid()}', '-t']
        assert ports(*which, '--write-baseline', path, text=True) == ''
        assert os.listdir(tmp_path) == ['baseline']
        with open(path) as f:
            rules = [json.loads(line) for line in f]
        assert not {'pid', 'id', 'ts', 'since', 'netns', 'connections'} & set().union(*rules)
        assert any(r['lport'] == port_of(mine) for r in rules)
        assert ports(*which, '--baseline', path) == []
        # what it prints itself is a baseline too
        with open(path, 'w') as f:
            subprocess.run([BINARY, 'ports', '-j', *which], stdout=f, check=True, timeout=START_TIMEOUT)
        assert ports(*which, '--baseline', path) == []


def test_drift(baseline):
    with listen_on() as known, listen_on() as taken, listen_on() as more, listen_on() as closed:
        gone = port_of(closed)
        closed.close()
        path = baseline('# allowed', '', {'proto': 'tcp', 'lport': port_of(known)},
                        {'proto': 'tcp', 'lport': port_of(taken), 'exe': '/usr/sbin/nginx'},
                        {'lport': gone, 'comm': 'redis-server'})
        which = f'-L{gone},' + at(known, taken, more)[2:]
        rows = ports(which, '--baseline', path, status=3)
        assert len(rows) == 3, rows
        assert pick(only(rows, change='new'), own(more)) == own(more)
        changed = only(rows, change='changed')
        assert pick(changed, own(taken)) == own(taken)
        assert (changed['was'], changed['rule']) == ('/usr/sbin/nginx', 4)
        assert pick(only(rows, change='gone'), ('lport', 'comm', 'rule', 'pid')) == {
            'lport': gone, 'comm': 'redis-server', 'rule': 5, 'pid': None}
        text = ports(which, '--baseline', path, '--no-header', text=True, status=3).splitlines()
        assert sorted((line[0], line.split()[2].rpartition(':')[2]) for line in text) == sorted([
            ('+', str(port_of(more))), ('~', str(port_of(taken))), ('-', str(gone))])
        assert ports('--csv', which, '--baseline', path, text=True, status=3).startswith('change,')


def test_drift_within_a_time(baseline):
    with listen_on() as found:
        port = port_of(found)
    with Watch('--baseline', baseline({'proto': 'tcp', 'lport': 1}), '-d', '3', '-L', str(port)) as watch:
        listen_on(port=port).close()
        assert watch.process.wait(START_TIMEOUT) == 3, watch.stderr
        assert only(watch.rows, lport=port)['change'] == 'new'
        assert only(watch.rows, lport=1)['change'] == 'gone'


@pytest.mark.parametrize('line', [
    '{"lport":443', '[]', '{"port":443}', '{"lport":"443"}', '{"lport":65536}', '{"lport":443}{}',
    '{"proto":"sctp"}', '{"laddr":"localhost"}', '{}', '{"comm":"\\u0000"}', 'lport=443'])
def test_bad_line(baseline, line):
    said = refused('--baseline', baseline('# one', {'lport': 1}, line))
    assert 'in line 3: ' in said and len(said.splitlines()) == 1


def test_bad_files(tmp_path):
    assert 'No such file' in refused('--baseline', str(tmp_path / 'none'))
    assert 'directory' in refused('--baseline', str(tmp_path))
    assert 'No such file' in refused('--write-baseline', str(tmp_path / 'none/b'), '-L1')
    assert 'give one' in refused('--baseline', 'a', '--write-baseline', 'b', status=2)
    assert 'give one' in refused('--baseline', 'a', '--watch', status=2)
    assert 'give one' in refused('--csv', '-j', status=2)
    for useless in '-j', '--csv', '--markdown', '-ofile', '--columns=pid':
        assert 'prints nothing' in refused('--write-baseline', 'b', useless, status=2)


def test_written_through_a_link(tmp_path):
    """The file that a link names is replaced, with its mode and owner; a device stays one."""
    real, link = tmp_path / 'real', tmp_path / 'link'
    real.write_text('old')
    os.chown(real, 65534, 65533)
    real.chmod(0o640)
    link.symlink_to(real)
    with listen_on() as listener:
        ports(at(listener), '--write-baseline', str(link), text=True)
        assert link.is_symlink() and json.loads(real.read_text())['lport'] == port_of(listener)
        found = real.stat()
        assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o640, 65534, 65533)
        ports(at(listener), '--write-baseline', '/dev/null', text=True)
        assert not os.path.isfile('/dev/null')
        assert 'No space' in refused(at(listener), '--write-baseline', '/dev/full')


# --- one program ----------------------------------------------------------------------------------

OPENS = '''
import os, socket, sys
port, status = int(sys.argv[1]), int(sys.argv[2])
if not os.fork():  # a child that has gone when its parent ends
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen()
    os._exit(0)
os.wait()
sys.exit(status)
'''


@pytest.fixture
def free_port():
    with listen_on() as sock:
        port = port_of(sock)
    return port


@pytest.mark.parametrize('own_status, allowed, status', [(0, True, 0), (0, False, 3), (7, False, 7)])
def test_program(baseline, free_port, own_status, allowed, status):
    path = baseline({'proto': 'tcp', 'lport': free_port if allowed else free_port - 1})
    with listen_on():  # of another process
        rows = ports('--backend', BACKEND, '--baseline', path, '--', *PYTHON, OPENS, str(free_port),
                     str(own_status), status=status)
    if allowed:
        assert rows == []
    else:
        assert only(rows, change='new')['lport'] == free_port
        assert only(rows, change='gone')['lport'] == free_port - 1
        assert len(rows) == 2


def test_program_without_a_baseline(free_port):
    rows = ports('--backend', BACKEND, '--', *PYTHON, OPENS, str(free_port), '0')
    assert [(r['lport'], r['change']) for r in rows] == [(free_port, 'gone')]


# --- real servers ---------------------------------------------------------------------------------

@pytest.mark.skipif(not shutil.which('nginx'), reason='no nginx')
def test_nginx_opens_one_port_more(tmp_path):
    first, second = listen_on(), listen_on()
    before, more = port_of(first), port_of(second)
    first.close()
    second.close()
    conf, path = tmp_path / 'nginx.conf', str(tmp_path / 'baseline')

    def configure(*listens):
        conf.write_text('daemon off; master_process on; worker_processes 2; error_log stderr;\n'
                        f'pid {tmp_path}/pid; events {{}}\nhttp {{ access_log off; '
                        + ''.join(f'{d}_temp_path {tmp_path}/{d}; ' for d in (
                            'client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
                        + 'server { ' + ' '.join(f'listen 127.0.0.1:{p};' for p in listens) + ' } }\n')

    def answers(port):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0

    configure(before)
    tmp_path.chmod(0o755)
    server = subprocess.Popen(['nginx', '-c', str(conf), '-p', str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(before), 'nginx')
        which = ['-L', f'{before},{more}']
        ports(*which, '--write-baseline', path, text=True)
        assert ports(*which, '--baseline', path) == []
        configure(before, more)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: answers(more), 'the other port')
        rows = ports(*which, '--baseline', path, status=3)
        assert pick(only(rows, change='new'), ('lport', 'comm', 'pid')) == {
            'lport': more, 'comm': 'nginx', 'pid': server.pid}
        assert len(rows) == 1
    finally:
        server.terminate()
        server.wait(TIMEOUT)


@pytest.mark.skipif(not shutil.which('redis-server'), reason='no redis')
def test_redis_in_the_place_of_another(tmp_path, free_port, baseline):
    """Another owner on the same port, and one that fits its name."""
    server = subprocess.Popen(['redis-server', '--port', str(free_port), '--bind', '127.0.0.1', '--save', '',
                               '--dir', str(tmp_path)], stdout=subprocess.DEVNULL)
    try:
        path = baseline({'proto': 'tcp', 'lport': free_port, 'comm': 'memcached'})
        wait_until(lambda: ports('-p', str(server.pid)), 'redis')
        row = only(ports('-L', str(free_port), '--baseline', path, status=3), pid=server.pid)
        assert (row['change'], row['was'], row['comm']) == ('changed', 'memcached', 'redis-server')
    finally:
        server.terminate()
        server.wait(TIMEOUT)
