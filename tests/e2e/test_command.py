"""connsnoop -- PROGRAM: only it and its descendants, and it is run as if connsnoop were not there."""
import contextlib
import fcntl
import os
import pwd
import re
import select
import signal
import socket
import subprocess
import tempfile
import termios
import threading

import pytest

from sockets import (START_TIMEOUT, TIMEOUT, Pair, listen_on, parent_of, port_of, run,
                     udp_socket, wait_until)
from tracing import BACKEND, BINARY, check_event, check_order, check_stream, parse_line, pick

PYTHON = ['/usr/bin/python3', '-S', '-E', '-c']
REPLY = 41  # bytes with which Server answers each connection

# What the programs below may use: a connection that sends, and reads until the end.
CLIENT = '''
import os, socket, sys, threading, time
def talk(port, size=7, address="127.0.0.1"):
    s = socket.create_connection((address, port))
    s.sendall(b"x" * size)
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536): pass
    s.close()
port = int(sys.argv[1])
'''


def program(text, *args):
    return [*PYTHON, CLIENT + text, *map(str, args)]


class Server:
    """In the test's own process, which is no descendant: reads to the end, answers, closes."""

    def __init__(self, address='127.0.0.1'):
        self.listener = listen_on(address, backlog=256)
        self.port = port_of(self.listener)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(ConnectionError):
                    while connection.recv(65536):
                        pass
                    connection.sendall(b'y' * REPLY)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(TIMEOUT)
        self.listener.close()


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def free_port():
    """A port on which nobody listens, and that nobody else gets."""
    sock = socket.socket()
    sock.bind(('127.0.0.1', 0))
    yield port_of(sock)
    sock.close()


class Command:
    """A running `connsnoop -j -o FILE -- PROGRAM`. What it prints is held against the contract."""

    def __init__(self, command, *options, wrapper=(), **popen):
        self.file = tempfile.NamedTemporaryFile()
        self.args = [*wrapper, BINARY, '-v', '--backend', BACKEND, '-j', '-o', self.file.name, *options, '--',
                     *command]
        self.whole = not {'-e', '-f'} & set(options)
        popen = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
                 'stderr': subprocess.PIPE} | popen
        self.process = subprocess.Popen(self.args, **popen)

    def read(self):
        """All lines so far."""
        data = open(self.file.name, 'rb').read()
        return data[:data.rfind(b'\n') + 1].splitlines()

    def events(self, **fields):
        events = [parse_line(line) for line in self.read()]
        return [event for event in events if pick(event, fields) == fields]

    def wait_for(self, **fields):
        wait_until(lambda: self.events(**fields), f'event {fields}', START_TIMEOUT)

    def finish(self, status=0, data=None):
        try:
            self.stdout, self.stderr = self.process.communicate(data, START_TIMEOUT + TIMEOUT)
        finally:
            self.kill()
        self.stderr = (self.stderr or b'').decode()
        assert self.process.returncode == status, self.stderr
        lines = self.read()
        for line in lines:
            check_event(parse_line(line))
        check_stream(lines[:-1], parse_line(lines[-1]), False)
        if self.whole and not self.events(event='lost'):
            check_order([parse_line(line) for line in lines[:-1]])
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def told(self):
        """Without `lost`: what the kernel skips, of the whole machine, it may have skipped of others."""
        return [event for event in self.events() if event['event'] not in ('lost', 'summary')]

    def check_count(self, count, *kinds):
        """So many of each of these kinds, and of no other; less what was lost, and told to be."""
        lost = sum(event['count'] for event in self.events(event='lost'))
        assert set(self.kinds) == set(kinds)
        for kind in kinds:
            assert count - lost <= self.kinds.count(kind) <= count, kind

    @property
    def kinds(self):
        return [event['event'] for event in self.told]

    @property
    def table(self):
        """Of stderr: the rows by (remote, port), the last is the total."""
        lines = self.stderr.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith('REMOTE '))
        lines = lines[begin + 1:]
        assert all(len(line) <= 80 for line in lines), self.stderr
        cells = [line.split() for line in lines if not line.startswith('connsnoop: ')]
        assert cells[-1][0] == 'total'
        return {(row[0], row[1]): row[2:] for row in cells}

    @property
    def total(self):
        return self.table['total', '-'][1:]


@pytest.fixture
def command():
    """Starts one; it ends with the test at the latest."""
    started = []

    def start(*args, **options):
        started.append(Command(*args, **options))
        return started[-1]
    yield start
    for one in started:
        one.kill()


# --- who is traced ------------------------------------------------------------------------------

def test_first_call(command, server):
    """Nothing of it is missed, and nothing of the others seen: of the server at the other end."""
    running = command(program('print(os.getpid()); talk(port)', server.port))
    done = running.finish()
    pid = int(done.stdout)
    assert done.kinds == ['connect', 'established', 'close']
    for event in done.told:
        assert pick(event, ('pid', 'comm', 'ppid', 'attr', 'rport')) == {
            'pid': pid, 'comm': 'python3', 'ppid': running.process.pid, 'attr': 'connect',
            'rport': server.port}
    assert done.events(event='close')[0]['tx_bytes'] == 7


def test_others_are_not(command):
    """While the program lives, the test's own connections and datagrams come to nothing."""
    running = command(['sh', '-c', 'echo; read x'], stdin=subprocess.PIPE)
    assert running.process.stdout.read(1) == b'\n'
    with Pair() as pair:
        pair.exchange(b'up', b'down')
    with udp_socket(port=0) as a, udp_socket(port=0) as b:
        a.sendto(b'x', b.getsockname())
        b.recv(10)
    done = running.finish(data=b'\n')
    assert done.kinds == []
    assert 'connsnoop: no connections\n' in done.stderr


def test_children_of_a_shell(command, server):
    """In the background, in a subshell, in a pipe."""
    client = ' '.join(f"'{part}'" for part in program('talk(port)', server.port))
    done = command(['sh', '-c', f'{client} & ({client}; true) & {client} | cat; wait']).finish()
    done.check_count(3, 'connect', 'established', 'close')
    connects = done.events(event='connect')
    assert len({event['pid'] for event in connects}) == len(connects)


def test_threads(command, server):
    """Of a process whose first thread has ended; and one that a thread makes another program."""
    text = '''
import ctypes
def work():
    main = threading.main_thread().native_id
    while open(f"/proc/self/task/{main}/stat").read().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.001)
    talk(port)
    os.execv(sys.argv[2], sys.argv[2:])
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(%d, 0)
''' % {'x86_64': 60, 'aarch64': 93}[os.uname().machine]
    done = command(program(text, server.port, *program('talk(port); sys.exit(6)',
                                                       server.port))).finish(6)
    assert done.kinds == ['connect', 'established', 'close'] * 2
    assert len({event['pid'] for event in done.events(event='connect')}) == 1


def test_daemon(command, server):
    """Forked twice, in a session of its own, at work when the program has long ended."""
    text = '''
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.close(w)
    os.read(r, 1)  # until all that came before it have ended
    talk(port, 9)
    os._exit(0)
os.wait()
sys.exit(5)
'''
    done = command(program(text, server.port)).finish(5)
    assert done.kinds == ['connect', 'established', 'close']
    assert done.events(event='close')[0]['tx_bytes'] == 9


def test_short_lived(command, server):
    """Fifty processes that do nothing but connect, and end at once."""
    text = '''
for i in range(50):
    if os.fork() == 0:
        s = socket.socket()
        s.connect(("127.0.0.1", port))
        os._exit(0)
for i in range(50):
    os.wait()
'''
    done = command(program(text, server.port)).finish()
    connects = done.events(event='connect')
    assert len({event['pid'] for event in connects}) == len(connects)
    done.check_count(50, 'connect', 'established', 'close')
    assert all(event['comm'] == 'python3' and event['exe'] for event in done.told)


def test_killed(command, server):
    """What it had open is closed by the kernel after its end, and still told."""
    text = '''
s = socket.create_connection(("127.0.0.1", port))
s.sendall(b"xyz")
os.kill(os.getpid(), 9)
'''
    done = command(program(text, server.port)).finish(128 + 9)
    assert done.kinds == ['connect', 'established', 'close']
    assert done.events(event='close')[0]['tx_bytes'] == 3


def test_pid_namespace(command, server):
    """Where the kernel has other numbers for it than itself and connsnoop."""
    done = command(program('print(os.getpid()); talk(port)', server.port),
                   wrapper=['unshare', '--pid', '--fork', '--mount-proc']).finish()
    assert done.kinds == ['connect', 'established', 'close']
    assert {event['pid'] for event in done.told} != {int(done.stdout)}


def test_inherited_sockets(command):
    """What it does with a socket that it was given is its own; what others did before is not."""
    text = '''
listener, old = (socket.socket(fileno=fd) for fd in (port, int(sys.argv[2])))
s, _ = listener.accept()
old.sendall(b"old")
old.close()
while s.recv(100): pass
s.close()
'''
    with listen_on() as listener, Pair() as old, socket.socket() as client:
        port = port_of(listener)
        client.connect(listener.getsockname())
        client.sendall(b'12345')
        client.shutdown(socket.SHUT_WR)
        fds = (listener.fileno(), old.client.fileno())
        running = command(program(text, *fds), pass_fds=fds)
        old.client.close()
        done = running.finish()
        assert old.server.recv(10) == b'old'
    accept, close = done.told
    assert (accept['event'], close['event']) == ('accept', 'close')
    assert accept['lport'] == close['lport'] == port
    assert (accept['attr'], close['rx_bytes']) == ('accept', 5)


# --- what the program gets ----------------------------------------------------------------------

def outside_and_inside(command, what, **popen):
    """What a program says when run directly, and when run by connsnoop."""
    outside = subprocess.run(what, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
                             check=True, **popen).stdout
    inside = command(what, **popen).finish().stdout
    assert outside
    return outside, inside


def plain_signals():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def strange_signals():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})


@pytest.mark.parametrize('signals', [plain_signals, strange_signals])
def test_signals_are_its_own(command, signals):
    """Which are ignored and which are blocked; also when connsnoop could not wait otherwise."""
    outside, inside = outside_and_inside(command, ['grep', '^Sig[BIC]', '/proc/self/status'],
                                         preexec_fn=signals, restore_signals=False)
    assert outside == inside


def test_descriptors(command):
    """Those that connsnoop got, and none of its own."""
    with tempfile.TemporaryFile() as extra:
        fd = fcntl.fcntl(extra, fcntl.F_DUPFD, 50)
        outside, inside = outside_and_inside(command, ['ls', '/proc/self/fd'], pass_fds=[fd])
        os.close(fd)
    assert outside == inside
    assert str(fd) in inside.decode().split()


@pytest.mark.parametrize('what', [['env'], ['cat', '/proc/self/limits'],
                                  ['sh', '-c', 'umask; pwd; ps -o pgid=,sid= $$; nice']],
                         ids=['environment', 'limits', 'umask, directory, session, priority'])
def test_surroundings(command, what):
    outside, inside = outside_and_inside(command, what)
    assert outside == inside


def test_stdin_and_stdout(command):
    """Byte for byte, and more than a pipe holds."""
    data = os.urandom(1 << 20)
    assert command(['cat'], stdin=subprocess.PIPE).finish(data=data).stdout == data


def test_as_user(command, server):
    user = pwd.getpwnam('nobody')
    text = ('print(os.getresuid(), os.getresgid(), sorted(os.getgroups()), '
            '*map(os.environ.get, ["HOME", "USER", "LOGNAME"])); talk(port)')
    for name in 'nobody', str(user.pw_uid):
        done = command(program(text, server.port), '--as', name).finish()
        groups = sorted(os.getgrouplist('nobody', user.pw_gid))
        assert done.stdout.decode().rstrip() == ' '.join(map(str, (
            (user.pw_uid,) * 3, (user.pw_gid,) * 3, groups, user.pw_dir, 'nobody', 'nobody')))
        assert done.kinds == ['connect', 'established', 'close']
        assert {event['uid'] for event in done.told} == {user.pw_uid}


# --- its end ------------------------------------------------------------------------------------

@pytest.mark.parametrize('status', [0, 1, 3, 255])
def test_status(command, status):
    command(['sh', '-c', f'exit {status}']).finish(status)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_ended_by_signal(command, number):
    command(['sh', '-c', f'ulimit -c 0; kill -{number.value} $$']).finish(128 + number)


@pytest.mark.parametrize('what', ['no-such-program-here', '/no/such/program', '/etc/passwd', '/'])
def test_cannot_be_run(what):
    done = subprocess.run([BINARY, '-j', '--backend', BACKEND, '--', what], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=START_TIMEOUT)
    assert (done.returncode, done.stdout) == (1, b'')
    sentences = [line for line in done.stderr.decode().splitlines() if 'warning: ' not in line]
    assert len(sentences) == 1 and sentences[0].startswith(f"connsnoop: cannot run '{what}': ")


@pytest.mark.parametrize('args', [['--'], ['--as', 'nobody'], ['--as', 'no-such-user', '--', 'true'],
                                  ['probe', '--', 'true'], ['true']], ids=' '.join)
def test_wrong_usage(args):
    done = subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=TIMEOUT)
    assert (done.returncode, done.stdout) == (2, b'')
    assert len(done.stderr.splitlines()) == 1


def test_not_privileged():
    """It says what it needs, and the program is not run."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        nobody = ['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all']
        done = subprocess.run([*nobody, BINARY, '--', 'touch', f'{directory}/mark'],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=START_TIMEOUT)
        assert os.listdir(directory) == []
        run(*nobody, 'touch', f'{directory}/mark')  # it could have
    assert (done.returncode, done.stdout) == (1, b'')
    assert b'root' in done.stderr and b'CAP_BPF' in done.stderr


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_is_passed_on(command, server, number):
    """What is sent to connsnoop alone is for the program, which may well live on."""
    text = '''
import signal
signal.signal(int(sys.argv[2]), lambda *_: (talk(port), os._exit(7)))
print("ready", flush=True)
while True: signal.pause()
'''
    running = command(program(text, server.port, number.value))
    assert running.process.stdout.readline() == b'ready\n'
    running.process.send_signal(number)
    assert running.finish(7).kinds == ['connect', 'established', 'close']


def test_signal_when_a_daemon_is_left(command):
    """The program has ended: the signal is for the trace."""
    running = command(['sh', '-c', 'sleep 1000 >&- 2>&- & echo $!; exit 4'])
    daemon = int(running.process.stdout.readline())
    try:
        wait_until(lambda: parent_of(daemon) != running.process.pid and not children(running.process.pid),
                   'end of the program')
        running.process.send_signal(signal.SIGTERM)
        running.finish(4)
    finally:
        os.kill(daemon, signal.SIGKILL)


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return f.read().split()


# --- the terminal -------------------------------------------------------------------------------

class Terminal:
    """connsnoop in the foreground of a terminal of its own, as a shell would start it."""

    def __init__(self, command):
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [BINARY, '--backend', BACKEND, '-e', 'listen', '--no-header', '--', *command],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = b''

    def wait_for(self, text):
        while text not in self.text:
            ready, _, _ = select.select([self.master], [], [], START_TIMEOUT)
            assert ready, self.text
            self.text += os.read(self.master, 4096)

    def type(self, keys):
        os.write(self.master, keys)

    def finish(self, status):
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while True:
                self.text += os.read(self.master, 4096)
        assert self.process.wait(TIMEOUT) == status, self.text

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal():
    started = []

    def start(*args):
        started.append(Terminal(*args))
        return started[-1]
    yield start
    for one in started:
        one.close()


ON_TERMINAL = 'test -t 0 && test -t 1 && test -t 2 && echo ready; '


def test_interrupt_key(terminal):
    """Ctrl-C is for the program: it dies of it, and what it did is still summed up."""
    tty = terminal(['sh', '-c', ON_TERMINAL + 'exec sleep 1000'])
    tty.wait_for(b'ready')
    tty.type(b'\x03')
    tty.finish(128 + signal.SIGINT)
    assert b'connsnoop: no connections\r\n' in tty.text


@pytest.mark.parametrize('key, name', [(b'\x03', 'INT'), (b'\x1c', 'QUIT')])
def test_key_is_caught(terminal, key, name):
    """It comes once, and the program may go on as it likes."""
    script = f'n=0; trap "n=\\$((n+1)); echo caught" {name}; {ON_TERMINAL} read x; read x; exit $n'
    tty = terminal(['bash', '-c', script])
    tty.wait_for(b'ready')
    tty.type(key)
    tty.wait_for(b'caught')
    tty.type(b'\n\n\n')
    tty.finish(1)


def state(pid):
    with open(f'/proc/{pid}/stat') as f:
        return f.read().rpartition(')')[2].split()[0]


def test_stop_key(terminal):
    """Ctrl-Z stops both; both go on when the job does."""
    tty = terminal(['sh', '-c', 'echo ready $$.; read x; exit 9'])
    tty.wait_for(b'.')
    pid = int(re.search(rb'ready (\d+)\.', tty.text).group(1))
    # an orphaned process group is not stopped by keys, and this one has no shell above it
    os.killpg(tty.process.pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) == state(tty.process.pid) == 'T', 'both stopped')
    os.killpg(tty.process.pid, signal.SIGCONT)
    wait_until(lambda: state(pid) != 'T', 'going on')
    tty.type(b'\n')
    tty.finish(9)


# --- what is printed ----------------------------------------------------------------------------

def test_table(command, server, free_port):
    """A row for each place, to the byte; those where most went first."""
    text = '''
talk(port, 300); talk(port, 200)
for i in range(3):
    try: socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    except ConnectionRefusedError: pass
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"q" * 33, ("127.0.0.1", int(sys.argv[3])))
s.close()
'''
    with udp_socket(port=0) as udp:
        done = command(program(text, server.port, free_port, port_of(udp)), '-n').finish()
        rows = {('127.0.0.1', f'{server.port}/tcp'): ['-', '2', '0', '0', '0', '500B', f'{2 * REPLY}B'],
                ('127.0.0.1', f'{port_of(udp)}/udp'): ['-', '0', '0', '0', '1', '33B', '0B'],
                ('127.0.0.1', f'{free_port}/tcp'): ['-', '0', '0', '3', '0', '0B', '0B'],
                ('total', '-'): ['-', '2', '0', '3', '1', '533B', f'{2 * REPLY}B']}
    assert list(done.table.items()) == list(rows.items())


def test_table_of_a_server(command):
    """All who come to one port are one row."""
    text = '''
l = socket.socket()
l.bind(("127.0.0.1", 0))
l.listen()
print(l.getsockname()[1], flush=True)
for i in range(3):
    s, _ = l.accept()
    while s.recv(100): pass
    s.sendall(b"12")
    s.close()
'''
    running = command(program(text, 0), '-n')
    port = int(running.process.stdout.readline())
    for _ in range(3):
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.sendall(b'1234567')
            s.shutdown(socket.SHUT_WR)
            while s.recv(100):
                pass
    done = running.finish()
    assert done.table['*', f'{port}/tcp'] == ['-', '0', '3', '0', '0', '6B', '21B']
    assert done.kinds.count('accept') == done.kinds.count('close') == 3


def test_services_and_numbers(command):
    """Rows have the names of services, unless names are not wanted."""
    text = '''
try: socket.create_connection(("127.0.0.3", port))
except ConnectionRefusedError: pass
'''
    for options, name in ([], 'https'), (['-n'], '-'):
        done = command(program(text, 443), *options).finish()
        assert done.table['127.0.0.3', '443/tcp'] == [name, '0', '0', '1', '0', '0B', '0B']


@pytest.mark.parametrize('options, kinds', [(['-e', 'close'], ['close']), (['-f'], ['fail']),
                                            (['-e', 'listen'], [])], ids=str)
def test_events_that_are_not_asked_for(command, server, free_port, options, kinds):
    """They are not printed, nor counted as printed, and the table has them all the same."""
    text = '''
talk(port)
try: socket.create_connection(("127.0.0.1", int(sys.argv[2])))
except ConnectionRefusedError: pass
'''
    done = command(program(text, server.port, free_port), *options).finish()
    assert done.kinds == kinds
    assert done.total == ['1', '0', '1', '0', '7B', f'{REPLY}B']


def test_filter(command, server, free_port):
    """Other filters hold besides, for the table too."""
    text = '''
talk(port)
try: socket.create_connection(("127.0.0.1", int(sys.argv[2])))
except ConnectionRefusedError: pass
'''
    done = command(program(text, server.port, free_port), '-R', str(free_port)).finish()
    assert done.kinds == ['connect', 'fail']
    assert done.total == ['0', '0', '1', '0', '0B', '0B']


def test_count(command, server):
    """The trace ends before the program: its end is awaited, and what it returns is told."""
    running = command(program('talk(port); talk(port); sys.stdin.read(); sys.exit(4)', server.port),
                  '--count', '1', stdin=subprocess.PIPE)
    running.wait_for(event='summary')
    assert running.process.poll() is None
    running.whole = False
    assert running.finish(4, data=b'').kinds == ['connect']


def test_duration(command):
    running = command(['sh', '-c', 'read x; exit 4'], '-d', '0.01', stdin=subprocess.PIPE)
    running.wait_for(event='summary')
    running.process.send_signal(signal.SIGHUP)  # still for the program
    running.process.wait(TIMEOUT)
    running.finish(128 + signal.SIGHUP)


def test_reader_goes_away(server):
    """Of the output: the program is not disturbed, its status is told, and the table is whole."""
    text = 'sys.stdin.read(); talk(port, 5); talk(port, 5); sys.exit(3)'
    process = subprocess.Popen([BINARY, '--backend', BACKEND, '--', *program(text, server.port)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        assert process.stdout.read(4) == b'TIME'
        process.stdout.close()
        process.stdin.close()
        stderr = process.stderr.read().decode()
        assert process.wait(START_TIMEOUT) == 3
    finally:
        process.kill()
        process.wait()
    assert stderr.splitlines()[-1].split() == ['total', '-', '-', '2', '0', '0', '0', '10B',
                                               f'{2 * REPLY}B']


def test_output_fails(server):
    """A full disk is connsnoop's own failure; the program still runs to its end."""
    done = subprocess.run([BINARY, '-j', '--backend', BACKEND, '-o', '/dev/full', '--',
                           *program('talk(port); print("done")', server.port)],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=START_TIMEOUT)
    assert (done.returncode, done.stdout) == (1, b'done\n')
    assert b'No space left' in done.stderr


# --- connections that outlive it ----------------------------------------------------------------

STUFF = '''
s = socket.create_connection(("127.0.0.1", port))
s.setblocking(False)
try:
    while True: s.send(bytes(65536))
except BlockingIOError: pass
print(os.getpid(), flush=True)
'''


def test_closes_late(command):
    """What it has sent is still on its way when it ends: the close comes a moment later."""
    with listen_on() as listener:
        running = command(program(STUFF, port_of(listener)))
        server, _ = listener.accept()
        pid = int(running.process.stdout.readline())
        with server:
            wait_until(lambda: not os.path.exists(f'/proc/{pid}') or state(pid) == 'Z', 'its end')
            size = 0
            while data := server.recv(1 << 20):
                size += len(data)
        done = running.finish()
    assert done.kinds == ['connect', 'established', 'close']
    assert done.events(event='close')[0]['tx_bytes'] == size
    assert 'still open' not in done.stderr


def test_stays_open(command):
    """The other end does not read: the trace ends nevertheless, and says what it does not know."""
    with listen_on() as listener:
        done = command(program(STUFF, port_of(listener))).finish()
    assert done.kinds == ['connect', 'established']
    assert 'still open, their bytes not counted: 1\n' in done.stderr


def test_udp_flows_of_one_socket(command):
    """Several flows that end with the program: all closed, with their bytes."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(udp_socket(port=0)) for _ in range(5)]
        text = '''
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for p in sys.argv[1:]: s.sendto(b"abc", ("127.0.0.1", int(p)))
'''
        done = command(program(text, *map(port_of, peers))).finish()
    assert sorted(done.kinds) == ['close'] * 5 + ['flow'] * 5
    assert done.total == ['0', '0', '0', '5', '15B', '0B']


def test_nothing_is_loaded_for_others(tracer):
    """Without a program, no fork and no exit of the machine costs anything."""
    trace = tracer('-t', '--stats')
    trace.stop()
    assert '_set_state' in trace.stderr
    assert 'sched_process' not in trace.stderr
