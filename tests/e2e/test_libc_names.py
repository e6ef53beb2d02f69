"""Names of remote hosts: what getaddrinfo() has told the process, where no packet tells it."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from nameserver import NameServer, address
from sockets import TIMEOUT, Pair, listen_on, port_of, wait_until
from tracing import BINARY

LONG = '.'.join(['l' * 61] * 4)  # as long as a name can be
HOSTS = {
    'shop.libc.example': ['127.0.0.81', '::1'],
    'many.libc.example': [f'127.0.0.{i}' for i in range(82, 88)],
    'Mixed.Libc.Example': ['127.0.0.90'],
    LONG: ['127.0.0.91'],
    **{f'host{i}.libc.example': [f'127.0.3.{i}'] for i in range(100)},
}
ODD = b'a\x1b[31m\xff"\\b.example'  # in the file as it is

# Connects to each address of each name that it reads, and prints the cookies; it ends with its input.
CLIENT = r'''
import ctypes, json, os, socket, struct, sys
def connect(family, to):
    with socket.socket(family) as sock:
        sock.connect(to)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, 57, 8), 'little')
class Info(ctypes.Structure): pass
Info._fields_ = [(n, ctypes.c_int) for n in 'flags family type protocol len'.split()] + [
    ('addr', ctypes.c_void_p), ('name', ctypes.c_char_p), ('next', ctypes.POINTER(Info))]
def odd(name, address, port):
    info = ctypes.POINTER(Info)()
    error = ctypes.CDLL(None).getaddrinfo(name.encode('latin-1'), None, None, ctypes.byref(info))
    return [] if error else [connect(socket.AF_INET, (address, port))]
def plain(name, port, child=False):
    ids = []
    for family, _, _, _, to in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        if child:
            read, write = os.pipe()
            if not os.fork():
                os.write(write, str(connect(family, to)).encode())
                os._exit(0)
            os.wait()
            ids.append(int(os.read(read, 32)))
        else:
            ids.append(connect(family, to))
    return ids
def first_byte():  # of the function: a breakpoint, while somebody looks at it
    return ctypes.string_at(ctypes.cast(ctypes.CDLL(None).getaddrinfo, ctypes.c_void_p).value, 1)[0]
print('ready', flush=True)
for line in sys.stdin:
    what, *args = json.loads(line)
    print(json.dumps(globals()[what](*args)), flush=True)
'''


@pytest.fixture
def hosts(tmp_path):
    """A file that only those see who are run behind these words: the tracer does not know what is in it."""
    with open(tmp_path / 'hosts', 'wb') as f:
        for name, addresses in HOSTS.items():
            for one in addresses:
                f.write(f'{one} {name}\n'.encode())
        f.write(b'127.0.0.92 ' + ODD + b'\n')
    (tmp_path / 'nsswitch.conf').write_text('hosts: files dns\n')
    (tmp_path / 'resolv.conf').write_text('nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
    return ['unshare', '-m', 'sh', '-c', 'for f in hosts nsswitch.conf resolv.conf; do '
            'mount --bind "$0/$f" /etc/$f || exit; done; exec "$@"', str(tmp_path)]


class Client:
    """A process that resolves names by libc, and connects."""

    def __init__(self, hosts, *runner):
        self.process = subprocess.Popen([*hosts, *runner, '/usr/bin/python3', '-c', CLIENT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == 'ready\n'
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()

    def call(self, *words):
        self.process.stdin.write(json.dumps(words) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


    @classmethod
    def with_own_libc(cls, hosts, where):
        """Has a file of libc to itself."""
        loader, = (p for p in ('/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1') if os.path.exists(p))
        with open('/proc/self/maps') as maps:
            libc = re.search(r'/\S*/libc\.so\.6$', maps.read(), re.MULTILINE).group()
        for path in loader, libc:
            shutil.copy(path, where)
        client = cls(hosts, str(where / os.path.basename(loader)), '--library-path', str(where))
        with open(f'/proc/{client.pid}/maps') as maps:
            assert f'{where}/libc.so.6' in maps.read()
        return client


@pytest.fixture
def hook(trace):
    """Skips where there is no such hook, and probe says why."""
    if not trace.lacks('libc-names'):
        return
    done = subprocess.run([BINARY, 'probe'], stdout=subprocess.PIPE, timeout=4 * TIMEOUT, check=True, text=True)
    said = re.search(r'^libc-names: .*\n((?: .*\n)+)', done.stdout, re.MULTILINE).group(1)
    assert 'MISSING' in said, said
    pytest.skip(f'libc-names: {" ".join(said.split())}')


pytestmark = pytest.mark.usefixtures('hook')


def listener():
    return listen_on('0.0.0.0', backlog=128)


def test_hook_is_there(trace):
    assert trace.ways()['libc-names'] == 'uprobe/getaddrinfo'


def test_name(trace, netns, hosts):
    """IPv4 and IPv6, in every event of the connection."""
    with netns, Client(hosts) as client, listen_on('127.0.0.81') as four, listen_on('::1', port_of(four)):
        ids = client.call('plain', 'shop.libc.example', port_of(four))
    raddrs = set()
    for one in ids:
        for event in 'connect', 'established', 'close':
            raddrs.add(trace.wait_for(event=event, id=one, pid=client.pid, rname='shop.libc.example',
                                      rname_source='libc')['raddr'])
    assert raddrs == {'127.0.0.81', '::1'}


def test_several_addresses(trace, netns, hosts):
    with netns, Client(hosts) as client, listener() as end:
        ids = client.call('plain', 'many.libc.example', port_of(end))
    assert {trace.wait_for(event='connect', id=one, rname='many.libc.example')['raddr']
            for one in ids} == set(HOSTS['many.libc.example'])


def test_first_event(trace, netns, hosts):
    """However fast the connection follows."""
    with netns, Client(hosts) as client, listener() as end:
        ids = [client.call('plain', f'host{i}.libc.example', port_of(end))[0] for i in range(100)]
    for i, one in enumerate(ids):
        trace.wait_for(event='close', id=one)
        assert trace.history(one, 'rname') == [(event, f'host{i}.libc.example') for event in (
            'connect', 'established', 'close')]


def test_of_nobody_else(trace, netns, hosts):
    """What is in the memory of a process it may have put there: no name of another's, not of its child's."""
    with netns, Client(hosts) as client, Client(hosts) as other, listener() as end:
        own, = client.call('plain', 'mixed.libc.example', port_of(end))
        child, = client.call('plain', 'mixed.libc.example', port_of(end), True)
        others, = other.call('odd', 'many.libc.example', '127.0.0.90', port_of(end))
        with Pair('127.0.0.90') as pair:
            trace.wait_for(event='connect', id=pair.client_id, rname=None, rname_source=None)
    trace.wait_for(event='close', id=own, rname='mixed.libc.example')
    for one in child, others:
        trace.wait_for(event='close', id=one, rname=None)


def test_answer_that_was_seen(trace, netns, hosts):
    """Of a name server, while libc looked for it: that is the source, as it was asked in whole."""
    with netns, NameServer(zone={'seen.example': [address('seen.example', '127.0.0.95')]}), listener() as end, \
            Client(hosts) as client:
        one, = client.call('plain', 'seen.example', port_of(end))
    trace.wait_for(event='close', id=one, rname='seen.example', rname_source='dns')


@pytest.mark.parametrize('name, shown, to', [
    ('mIXED.lIBC.eXAMPLE', 'mixed.libc.example', '127.0.0.90'),
    (LONG, LONG, '127.0.0.91'),
    (ODD.decode('latin-1'), 'a\\027[31m\\255"\\092b.example', '127.0.0.92'),
    ('127.0.0.93', None, '127.0.0.93'),
    ('127.93', None, '127.0.0.93'),
], ids=['case', 'long', 'odd', 'address', 'short address'])
def test_names(trace, netns, hosts, name, shown, to):
    with netns, Client(hosts) as client, listener() as end:
        ids = client.call('odd', name, to, port_of(end))
    if not ids:
        pytest.skip('libc does not take this name')
    trace.wait_for(event='connect', id=ids[0], raddr=to, rname=shown, rname_source=shown and 'libc')


def test_curl(trace, netns, hosts):
    """It asks in a thread of its own."""
    if not shutil.which('curl'):
        pytest.skip('no curl')
    with netns, listen_on('127.0.0.90') as end:
        url = f'http://mixed.libc.example:{port_of(end)}/'
        client = subprocess.Popen([*hosts, 'curl', '-s', '-m', '5', url], stdout=subprocess.DEVNULL)
        trace.wait_for(event='connect', pid=client.pid, rport=port_of(end), rname='mixed.libc.example')
        end.accept()[0].close()
        client.wait(TIMEOUT)


@pytest.mark.parametrize('option', ['--no-libc', '-n'])
def test_not_asked_for(tracer, netns, hosts, tmp_path, option):
    with netns, Client.with_own_libc(hosts, tmp_path) as client, listener() as end:
        before = client.call('first_byte')
        trace = tracer('-t', option)
        assert client.call('first_byte') == before
        ids = client.call('plain', 'many.libc.example', port_of(end))
    trace.wait_for(event='close', id=ids[0], rname=None)
    assert 'libc-names' not in trace.ways()
    trace.stop()


# --- which libc ------------------------------------------------------------------------------------

def test_second_libc(tracer, netns, hosts, tmp_path):
    """Another file of libc that a process has mapped when the trace begins."""
    with netns, listener() as end, Client.with_own_libc(hosts, tmp_path) as client, Client(hosts) as usual:
        trace = tracer('-t')
        ids = [one for c in (client, usual) for one in c.call('plain', 'many.libc.example', port_of(end))]
    for one in ids:
        trace.wait_for(event='connect', id=one, rname='many.libc.example', rname_source='libc')
    trace.stop()


def test_libc_of_a_user(tracer, netns, hosts, tmp_path):
    """A file that others than root can write is not read by us, who are root."""
    (tmp_path / 'libc.so.6').write_bytes(b'\x7fELF' + os.urandom(4096))
    os.chown(tmp_path / 'libc.so.6', 65534, 65534)
    code = 'import mmap, sys; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 4096, prot=5, flags=2); print("ready", ' \
           'flush=True); sys.stdin.read()'
    with subprocess.Popen(['/usr/bin/python3', '-c', code, str(tmp_path / 'libc.so.6')], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as mapper:
        assert mapper.stdout.readline() == b'ready\n'
        found = [re.search(r'getaddrinfo\(\) in (\d+) of (\d+) files', tracer('-t').stop().stderr).groups()]
        os.chown(tmp_path / 'libc.so.6', 0, 0)
        found.append(re.search(r'getaddrinfo\(\) in (\d+) of (\d+) files', tracer('-t').stop().stderr).groups())
        mapper.stdin.close()
    assert found[0][0] == found[1][0]
    assert int(found[1][1]) == int(found[0][1]), 'random bytes are taken for a libc of this machine'


MUSL = r'''
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *a;
	int fd;

	puts("ready");
	fflush(stdout);
	getchar();
	if (getaddrinfo(argv[1], argv[2], &hints, &a))
		return 1;
	fd = socket(a->ai_family, a->ai_socktype, 0);
	return connect(fd, a->ai_addr, a->ai_addrlen);
}
'''


def test_musl(tracer, netns, hosts, tmp_path):
    if not shutil.which('musl-gcc'):
        pytest.skip('no musl-gcc')
    subprocess.run(['musl-gcc', '-xc', '-', '-o', str(tmp_path / 'client')], input=MUSL.encode(), check=True)
    with netns, listener() as end, subprocess.Popen(
            [*hosts, str(tmp_path / 'client'), 'many.libc.example', str(port_of(end))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b'ready\n'
        trace = tracer('-t')
        client.communicate(b'\n', timeout=TIMEOUT)
        assert client.returncode == 0
        trace.wait_for(event='connect', pid=client.pid, rname='many.libc.example', rname_source='libc')
        trace.stop()


# --- where it harms nobody -------------------------------------------------------------------------

@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left(tracer, netns, hosts, tmp_path, how):
    with netns, Client.with_own_libc(hosts, tmp_path) as client, listener() as end:
        before = client.call('first_byte')
        trace = tracer('-t')
        assert client.call('first_byte') != before
        for at in '/sys/kernel/tracing', '/sys/kernel/debug/tracing':
            with contextlib.suppress(OSError), open(at + '/uprobe_events') as f:
                assert 'libc' not in f.read()
        trace.process.send_signal(how)
        trace.process.wait(TIMEOUT)
        wait_until(lambda: client.call('first_byte') == before, 'the breakpoint is gone')
        assert len(client.call('plain', 'many.libc.example', port_of(end))) == len(HOSTS['many.libc.example'])


FILTER = r'''
import ctypes, socket, struct
URETPROBE = 335  # a system call that only the kernel makes, on x86-64
code = b''.join(struct.pack('HBBI', *i) for i in [
    (0x20, 0, 0, 0), (0x15, 0, 1, URETPROBE), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)])
room = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxP', 4, ctypes.addressof(room))
libc = ctypes.CDLL(None)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, program)
print(socket.getaddrinfo('localhost', 1)[0][4][1])
'''


def test_filtered_process(trace):
    """One that may make no system call that it does not know survives."""
    done = subprocess.run(['/usr/bin/python3', '-c', FILTER], stdout=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert done.returncode == 0 and done.stdout == b'1\n'


def test_cannot_be_had(tracer, netns, hosts):
    """Said by probe and -v; all else is traced."""
    no_pmu = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/bus/event_source && exec "$@"', 'sh']
    trace = tracer('-t', wrap=no_pmu)
    assert trace.lacks('libc-names') and 'warning: no hook for libc-names' not in trace.stderr
    with netns, Client(hosts) as client, listener() as end:
        one = client.call('plain', 'many.libc.example', port_of(end))[0]
    trace.wait_for(event='close', id=one, rname=None)
    trace.stop()
    probe = subprocess.run([*no_pmu, BINARY, 'probe'], stdout=subprocess.PIPE, timeout=4 * TIMEOUT, check=True, text=True)
    assert re.search(r'uprobe/getaddrinfo +failed to attach: not supported by this kernel\n +MISSING', probe.stdout)
    done = subprocess.run([*no_pmu, BINARY, '-d', '0.1'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=4 * TIMEOUT, check=True, text=True)
    assert not done.stderr
