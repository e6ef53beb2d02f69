"""What the tests do to the network: socket pairs, processes, network namespaces, cgroups.

Everything that is made here is ended and removed here, and no packet leaves 127.0.0.0/8, ::1 and
the namespaces that the test has made.
"""
import contextlib
import ctypes
import ipaddress
import multiprocessing
import os
import pickle
import signal
import socket
import struct
import subprocess
import time
import traceback

IN_VM = 'CONNSNOOP_VM' in os.environ
TIMEOUT = 30 if IN_VM else 15  # for one step; never a measure of speed
START_TIMEOUT = 4 * TIMEOUT  # for connsnoop to load its programs

SO_COOKIE = 57
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


def check_errno(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def set_comm(name):
    """Name the calling thread; in the main thread that names the process."""
    check_errno(libc.prctl(PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0))


# --- sockets ------------------------------------------------------------------------------------

def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def tcp_socket(address='127.0.0.1'):
    return socket.socket(family_of(address), socket.SOCK_STREAM)


def udp_socket(address='127.0.0.1', port=None):
    """A UDP socket for that IP version, bound if a port is given (0: the kernel chooses)."""
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    if port is not None:
        sock.bind((address, port))
    return sock


def cookie(sock):
    return struct.unpack('Q', sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def port_of(sock):
    return sock.getsockname()[1]


def remote_port_of(sock):
    return sock.getpeername()[1]


def listen_on(address='127.0.0.1', port=0, backlog=16):
    sock = tcp_socket(address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ':' in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((address, port))
    sock.listen(backlog)
    return sock


def reset_on_close(sock):
    """Let close() send a reset instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def receive_all(sock, size):
    data = bytearray()
    while len(data) < size:
        part = sock.recv(min(65536, size - len(data)))
        if not part:
            break
        data += part
    return bytes(data)


def wait_for_end(sock):
    """Read until the other end's FIN."""
    while sock.recv(65536):
        pass


def port_class(port):
    return 'well-known' if port < 1024 else 'registered' if port < 49152 else 'private'


def tcp_info(sock, offset, size):
    data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(data[offset:offset + size], 'little')


class Pair:
    """A TCP connection of the test's own, both ends in this process."""

    def __init__(self, listen='127.0.0.1', connect=None, bind=None, port=0):
        connect = connect or listen
        self.listener = listen_on(listen, port)
        self.port = port_of(self.listener)
        self.client = tcp_socket(connect)
        if bind:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.client.bind(bind)
        self.client.connect((connect, self.port))
        self.server, _ = self.listener.accept()
        self.client_port = port_of(self.client)
        self.client_id = cookie(self.client)
        self.server_id = cookie(self.server)
        self.listener_id = cookie(self.listener)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()
        self.listener.close()

    def exchange(self, up=b'', down=b''):
        """Send payload in both directions and read it."""
        for sender, reader, data in (self.client, self.server, up), (self.server, self.client, down):
            for i in range(0, len(data), 32768):
                part = data[i:i + 32768]
                sender.sendall(part)
                assert receive_all(reader, len(part)) == part

    def close(self, first='client'):
        """Close the one end, let the other see it, and close that."""
        a, b = ((self.client, self.server) if first == 'client' else (self.server, self.client))
        a.close()
        wait_for_end(b)
        b.close()
        self.listener.close()


# --- processes ----------------------------------------------------------------------------------

held = {}  # sockets that a process keeps from one call to the next


class Process:
    """A child process that does what it is told: call() runs a module's function in it."""

    def __init__(self, comm=None, uid=None, netns=None, cgroup=None, keep=()):
        self.pipe, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._become(theirs, comm, uid, netns, cgroup, keep)
                self._serve(theirs)
            finally:
                os._exit(1)
        theirs.close()
        try:
            self.result()
        except BaseException:
            self.end()
            raise

    @staticmethod
    def _become(pipe, comm, uid, netns, cgroup, keep):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10 * TIMEOUT)
        check_errno(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        wanted = {0, 1, 2, pipe.fileno()} | {s.fileno() for s in keep}
        if netns:
            wanted.add(netns.fd)
        for fd in sorted(int(name) for name in os.listdir('/proc/self/fd')):
            if fd not in wanted:
                with contextlib.suppress(OSError):
                    os.close(fd)
        if netns:
            check_errno(libc.setns(netns.fd, CLONE_NEWNET))
        if cgroup:
            cgroup.enter()
        if comm:
            set_comm(comm)
        if uid:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        pipe.send((True, None))

    @staticmethod
    def _serve(pipe):
        while True:
            try:
                function, args = pipe.recv()
            except EOFError:
                os._exit(0)
            try:
                answer = (True, function(*args))
            except BaseException:
                answer = (False, traceback.format_exc())
            pipe.send(answer)

    def begin(self, function, *args):
        self.pipe.send((function, args))

    def result(self):
        if not self.pipe.poll(TIMEOUT):
            raise AssertionError(f'process {self.pid} does not answer')
        try:
            fine, value = self.pipe.recv()
        except (EOFError, pickle.UnpicklingError):
            raise AssertionError(f'process {self.pid} has died') from None
        assert fine, f'in process {self.pid}: {value}'
        return value

    def call(self, function, *args):
        self.begin(function, *args)
        return self.result()

    def end(self):
        """Kill it and wait until it has gone."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pipe.close()
            self.pid = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def parent_of(pid):
    with open(f'/proc/{pid}/stat') as f:
        return int(f.read().rpartition(')')[2].split()[1])


def wait_until(condition, what, timeout=TIMEOUT):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f'{what}: not in {timeout} s'
        time.sleep(0.005)


def wait_until_blocked(pid, syscall):
    """Wait until a process waits in that system call."""
    def blocked():
        with open(f'/proc/{pid}/syscall') as f:
            return f.read().split()[0] == str(syscall)
    wait_until(blocked, f'process {pid} in system call {syscall}')


# What processes are told to do: connect, listen, accept, and what became of it.

def do_listen(address, port=0):
    held['listener'] = listen_on(address, port)
    return cookie(held['listener']), port_of(held['listener'])


def do_accept():
    held['server'], _ = held['listener'].accept()
    return cookie(held['server'])


def do_connect(address, port, local_port=0):
    sock = held['client'] = tcp_socket(address)
    if local_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(('', local_port))
    sock.connect((address, port))
    return cookie(sock), port_of(sock)


def do_close(name):
    held.pop(name).close()


def do_send(name, data):
    held[name].sendall(data)


# --- network namespaces -------------------------------------------------------------------------

class Namespace:
    """A network namespace of the test's own, with no way out. `with ns:` is to be in it."""

    def __init__(self, loopback=True):
        self.inside = 0
        self.home = os.open('/proc/self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        check_errno(libc.unshare(CLONE_NEWNET))
        try:
            self.fd = os.open('/proc/self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
            self.inode = os.fstat(self.fd).st_ino
            if loopback:
                run('ip', 'link', 'set', 'lo', 'up')
        finally:
            check_errno(libc.setns(self.home, CLONE_NEWNET))

    @property
    def path(self):
        return f'/proc/{os.getpid()}/fd/{self.fd}'

    def __enter__(self):
        self.inside += 1
        check_errno(libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        self.inside -= 1
        if not self.inside:
            check_errno(libc.setns(self.home, CLONE_NEWNET))

    def run(self, *command):
        with self:
            run(*command)

    def sysctl(self, name, value):
        with self, open('/proc/sys/net/' + name, 'w') as f:
            f.write(value)

    def close(self):
        os.close(self.fd)
        os.close(self.home)


def netns_of(path='/proc/self/ns/net'):
    return os.stat(path).st_ino


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
    assert done.returncode == 0, f'{" ".join(command)}: {done.stdout.decode(errors="replace")}'


# --- cgroups ------------------------------------------------------------------------------------

def cgroup2_root():
    """Where cgroup v2 is mounted, or None."""
    with open('/proc/self/mounts') as f:
        for line in f:
            _, path, kind, *_ = line.split()
            if kind == 'cgroup2':
                return path
    return None


def cgroup_of(pid='self'):
    with open(f'/proc/{pid}/cgroup') as f:
        for line in f:
            if line.startswith('0::'):
                return line[3:].rstrip('\n')
    return None


class Cgroup:
    """A cgroup of the test's own. The processes in it must have ended before close()."""

    def __init__(self, name):
        self.relative = f'/{name}'
        self.path = cgroup2_root() + self.relative
        os.mkdir(self.path)

    def enter(self):
        with open(f'{self.path}/cgroup.procs', 'w') as f:
            f.write('0')

    def close(self):
        wait_until(lambda: not open(f'{self.path}/cgroup.procs').read(), 'empty cgroup')
        os.rmdir(self.path)


def same_address(a, b):
    return ipaddress.ip_address(a) == ipaddress.ip_address(b)
