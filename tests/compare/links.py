"""Connections between processes, and what is true of each of their ends."""
import contextlib
import dataclasses
import errno
import os
import select
import socket
import threading

import sockets
from sockets import (Namespace, Process, do_accept, do_close, do_connect, do_listen, do_send, held,
                     listen_on, port_of, receive_all, reset_on_close, set_comm, tcp_info,
                     tcp_socket, wait_for_end)

DRIVER = 'driver'
SYS_ACCEPT4 = 288  # x86-64
TCP_SYNCNT = 7
TCP_FASTOPEN_CONNECT = 30
SYN_RECV = 3
TFO_WITHOUT_COOKIE = 0x207  # of net.ipv4.tcp_fastopen: both sides, and no cookie for either
TCPI_STATE = 0, 1  # offset and size in struct tcp_info
TCPI_OPTIONS = 5, 1
TCPI_OPT_SYN_DATA = 32
LO = '127.0.0.1'


@dataclasses.dataclass
class End:
    """What is true of one end of a connection, or of an attempt to open one. A namespace is left open,
    for settled() to look into."""
    name: str
    how: str  # connect, accept, or queue: never accepted
    local: tuple  # address and port; port 0: it never had one
    remote: tuple
    owner: tuple  # pid and name of the process that called connect() or accept(), or else listens
    closer: tuple = None  # of the one that closed it, if that was another
    error: str = None  # of an attempt that failed
    phase: str = None  # local, handshake, cancelled
    tx: int = 0
    rx: int = 0
    reason: tuple = None  # in connsnoop's words, any of them
    old: bool = False  # open before the tools started
    accepted_late: bool = False  # old, but accepted beside the tools
    netns: Namespace = None

    def row(self):
        return {k: v for k, v in self.__dict__.items() if k != 'netns'}


class Actor(Process):
    """A process with a name."""

    def __init__(self, comm, **options):
        self.comm = comm
        super().__init__(comm.encode(), **options)

    @property
    def who(self):
        return self.pid, self.comm


class Link:
    """A connection between two actors, or one that is to be, and what is true of its ends."""

    def __init__(self, client, server, local_port, port, how='accept', netns=None):
        self.actors = client, server
        here, there = (LO, local_port), (LO, port)
        self.client = End('client', 'connect', here, there, client.who, netns=netns)
        self.server = End('server', how, there, here, server.who, netns=netns)

    @property
    def ends(self):
        return [self.client, self.server]

    def exchange(self, up, down):
        client, server = self.actors
        for sender, at, reader, to, size in ((client, 'client', server, 'server', up),
                                             (server, 'server', client, 'client', down)):
            if size:
                sender.call(do_send, at, bytes(size))
                reader.call(do_receive, to, size)
        self.count(up, down)

    def count(self, up, down):
        self.client.tx, self.server.tx = self.client.tx + up, self.server.tx + down
        self.client.rx, self.server.rx = self.client.rx + down, self.server.rx + up

    def close(self, first='client', how=None, reasons=('local', 'remote')):
        """Close the one end, let the other see it, and close that."""
        last = 'server' if first == 'client' else 'client'
        one, other = self.actors if first == 'client' else self.actors[::-1]
        if how:
            how(one)
        else:
            one.call(do_close, first)
        other.call(do_wait_for_end, last)
        other.call(do_close, last)
        mine, theirs = (self.client, self.server) if first == 'client' else (self.server, self.client)
        mine.reason, theirs.reason = ((word,) if isinstance(word, str) else word for word in reasons)
        return self.ends


def link_up(client, server, connect=LO, port=0, local_port=0, netns=None):
    """Let the server listen, the client connect, and the server accept."""
    _, port = server.call(do_listen, LO, port)
    _, local_port = client.call(do_connect, connect, port, local_port)
    server.call(do_accept)
    return Link(client, server, local_port, port, netns=netns)


RESET = 'reset-sent', 'reset-received'


@contextlib.contextmanager
def actors(**options):
    with Actor('client', **options) as client, Actor('server', **options) as server:
        yield client, server


def delay(netns):
    """Let each packet be on its way for so long that the ends can act in between."""
    netns.run('tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '500ms')


# What actors are told to do, beside what the end-to-end tests tell theirs.

def do_receive(name, size):
    assert len(receive_all(held[name], size)) == size


def do_wait_for_end(name):
    with contextlib.suppress(ConnectionResetError):
        wait_for_end(held[name])


def do_shutdown(name):
    held[name].shutdown(socket.SHUT_WR)


def do_reset(name):
    reset_on_close(held[name])
    do_close(name)


def do_dissolve(name):
    nowhere = bytes(16)  # a struct sockaddr of AF_UNSPEC
    sockets.check_errno(sockets.libc.connect(held[name].fileno(), nowhere, len(nowhere)))


def do_attempt(address, port, options):
    """A connect() that fails, or that is closed while it has no answer; its local port and errno."""
    blocking, syn_count = options.get('blocking', True), options.get('syn_count', 0)
    sock = tcp_socket(address)
    sock.setblocking(blocking)
    if syn_count:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, syn_count)
    error = sock.connect_ex((address, port))
    local = port_of(sock) if error == errno.EINPROGRESS else 0
    if error == errno.EINPROGRESS and (syn_count or address == LO):
        select.select([], [sock], [])
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sock.close()
    return local, errno.errorcode[error]


def do_connect_in_thread(name, port):
    def connect():
        set_comm(name)
        answer.append(do_connect(LO, port)[1])
    answer = []
    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    return answer[0]


def do_live_shortly(port):
    """In a process of its own: connect, send, exit. Its pid and the port it had."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        set_comm(b'mayfly')
        sock = tcp_socket()
        sock.connect((LO, port))
        sock.send(bytes(700))
        os.write(into, b'%d' % port_of(sock))
        os._exit(0)
    local = int(os.read(out, 16))
    os.waitpid(pid, 0)
    os.close(out)
    os.close(into)
    return pid, local


def do_bind_and_connect(port):
    sock = held['client'] = tcp_socket()
    sock.bind((LO, 0))
    sock.connect((LO, port))
    return port_of(sock)


def do_fast_open(port, connect):
    sock = held['client'] = tcp_socket()
    if connect:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        sock.connect((LO, port))
        sock.send(bytes(600))
    else:
        sock.sendto(bytes(600), socket.MSG_FASTOPEN, (LO, port))
    return port_of(sock), tcp_info(sock, *TCPI_OPTIONS) & TCPI_OPT_SYN_DATA != 0


def do_answer():
    """Accept, answer and close; returns the state that the connection was in."""
    sock, _ = held['listener'].accept()
    state = tcp_info(sock, *TCPI_STATE)
    assert len(receive_all(sock, 600)) == 600
    sock.sendall(bytes(50))
    sock.close()
    return state


def do_listen_fast_open():
    held['listener'] = listen_on()
    held['listener'].setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    return port_of(held['listener'])


def do_listen_mptcp():
    sock = held['listener'] = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    sock.bind((LO, 0))
    sock.listen(16)
    return port_of(sock)


def do_connect_mptcp(port):
    sock = held['client'] = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    sock.connect((LO, port))
    return port_of(sock)


TIME_WAIT = '06'


def settled(ends):
    """Wait until the kernel is through with these connections: then no tool has anything to come."""
    mine = {(end.local[1], end.remote[1]) for end in ends}

    def port(text):
        return int(text.rpartition(':')[2], 16)

    def over():
        for table in 'tcp', 'tcp6':
            with open(f'/proc/thread-self/net/{table}') as rows:
                next(rows)
                for _, local, remote, state, *_ in map(str.split, rows):
                    if (port(local), port(remote)) in mine and state != TIME_WAIT:
                        return False
        return True
    for ns in {end.netns for end in ends}:
        with ns or contextlib.nullcontext():
            sockets.wait_until(over, 'end of the connections')
        if ns:
            ns.close()
