"""The cases: connections of which everything is known, because these functions make them.

A case is a function that makes its sockets, ends them and returns what is true of both ends of each
connection. Its first line says what the case is, in the words of the page. One that has something to
do before the tools start is a generator: it yields there.
"""
import contextlib
import dataclasses
import errno
import inspect
import os
import select
import socket
import threading

import sockets
from sockets import (Namespace, Process, do_accept, do_close, do_connect, do_listen, do_send,
                     held, listen_on, port_of, receive_all, reset_on_close, set_comm, tcp_info, tcp_socket,
                     wait_for_end, wait_until_blocked)

DRIVER = 'driver'
SYS_ACCEPT4 = 288  # x86-64
TCP_SYNCNT = 7
TCP_FASTOPEN_CONNECT = 30
TCPI_OPTIONS = 5, 1  # offset and size in struct tcp_info
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
    reason: str = None  # in connsnoop's words
    old: bool = False  # open before the tools started
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
        mine.reason, theirs.reason = reasons
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


# --- connections that come about ----------------------------------------------------------------

def client_closes_first():
    """the client closes first"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        return link.close('client')


def server_closes_first():
    """the server closes first"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        return link.close('server')


def killed_server():
    """the server is killed with SIGKILL"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        return link.close('server', Actor.end)


def killed_client():
    """the client is killed with SIGKILL"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        return link.close('client', Actor.end)


def worker_accepts():
    """a worker accepts on its parent's listener, and closes first"""
    listener = held['listener'] = listen_on()
    port = port_of(listener)
    with Actor('client') as client, Actor('worker', keep=[listener]) as worker:
        _, local_port = client.call(do_connect, LO, port)
        worker.call(do_accept)
        ends = Link(client, worker, local_port, port).close('server')
        held.pop('listener').close()
        return ends


def child_closes():
    """a process accepts, and its child uses and closes the connection"""
    listener = listen_on()
    port = port_of(listener)
    with Actor('client') as client:
        _, local_port = client.call(do_connect, LO, port)
        held['server'], _ = listener.accept()
        with Actor('child', keep=[held['server']]) as child:
            held.pop('server').close()
            listener.close()
            link = Link(client, child, local_port, port)
            link.exchange(0, 2000)
            link.server.owner, link.server.closer = (os.getpid(), DRIVER), child.who
            return link.close('server')


def short_lived():
    """the client lives for milliseconds and exits without close()"""
    with Actor('parent') as parent, Actor('server') as server:
        _, port = server.call(do_listen, LO)
        mayfly, local_port = parent.call(do_live_shortly, port)
        server.call(do_accept)
        link = Link(parent, server, local_port, port)
        link.client.owner = mayfly, 'mayfly'
        link.count(700, 0)
        return link.close('client', lambda _: None)


def thread_with_a_name():
    """the client connects in a thread that has a name of its own"""
    with actors() as (client, server):
        _, port = server.call(do_listen, LO)
        local_port = client.call(do_connect_in_thread, b'thread', port)
        server.call(do_accept)
        return Link(client, server, local_port, port).close('client')


def not_accepted(reset):
    with actors() as (client, server):
        _, port = server.call(do_listen, LO)
        _, local_port = client.call(do_connect, LO, port)
        link = Link(client, server, local_port, port, 'queue')
        if reset:
            client.call(do_reset, 'client')
            server.call(do_close, 'listener')
        else:
            server.call(do_close, 'listener')
            client.call(do_wait_for_end, 'client')
            client.call(do_close, 'client')
        link.client.reason = RESET[0] if reset else RESET[1]
        link.server.reason = 'never-accepted'
        return link.ends


def never_accepted():
    """the server closes its listener and has not accepted"""
    return not_accepted(reset=False)


def reset_in_the_queue():
    """the client resets the connection (SO_LINGER 0), then the server closes its listener and has not accepted"""
    return not_accepted(reset=True)


def reset_by(first):
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        return link.close(first, lambda actor: actor.call(do_reset, first), RESET)


def reset_by_client():
    """the client resets the connection (SO_LINGER 0)"""
    return reset_by('client')


def reset_by_server():
    """the server resets the connection (SO_LINGER 0)"""
    return reset_by('server')


def dissolved():
    """the client dissolves the connection by connect() with AF_UNSPEC"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        ends = link.close('client', lambda actor: actor.call(do_dissolve, 'client'), RESET)
        pair[0].call(do_close, 'client')
        return ends


def half_closed():
    """the client has sent its FIN and goes on to read 5000 bytes"""
    def send_fin(client):
        client.call(do_shutdown, 'client')
        server.call(do_wait_for_end, 'server')
        link.exchange(0, 5000)
    with actors() as (client, server):
        link = link_up(client, server)
        link.exchange(300, 0)
        ends = link.close('client', send_fin)
        client.call(do_close, 'client')
        return ends


def bytes_counted():
    """1 byte up, 1000001 bytes down"""
    with actors() as (client, server):
        link = link_up(client, server)
        server.begin(do_send, 'server', bytes(1000001))
        client.call(do_receive, 'client', 1000001)
        server.result()
        link.count(0, 1000001)
        link.exchange(1, 0)
        return link.close('client')


# --- kinds of sockets ---------------------------------------------------------------------------

def mapped():
    """an IPv6 socket connects to an IPv4-mapped address"""
    with actors() as pair:
        link = link_up(*pair, connect='::ffff:' + LO)
        link.exchange(300, 5000)
        return link.close('client')


def port_of_bind():
    """the client has called bind() with port 0"""
    with actors() as (client, server):
        _, port = server.call(do_listen, LO)
        local_port = client.call(do_bind_and_connect, port)
        server.call(do_accept)
        return Link(client, server, local_port, port).close('client')


def two_namespaces():
    """two network namespaces have connections with the same addresses and ports at once"""
    one, two = Namespace(), Namespace()
    with actors(netns=one) as first, actors(netns=two) as second:
        links = [link_up(*pair, port=5000, local_port=40000, netns=ns)
                 for pair, ns in ((first, one), (second, two))]
        links[0].exchange(100, 4000)
        links[1].exchange(300, 5000)
        return [end for link in links for end in link.close('client')]


def fast_open(connect):
    """The first connection, which the tools see too, gets the cookie that the second needs."""
    ns = Namespace()
    ns.sysctl('ipv4/tcp_fastopen', '3')
    with actors(netns=ns) as (client, server):
        port = server.call(do_listen_fast_open)
        ends = []
        for with_data in False, True:
            local_port, was_with_data = client.call(do_fast_open, port, connect)
            assert was_with_data == with_data
            server.call(do_accept)
            link = Link(client, server, local_port, port, netns=ns)
            server.call(do_receive, 'server', 600)
            link.count(600, 0)
            ends += link.close('client')
        return ends


def fast_open_send():
    """TCP Fast Open by sendto(), without connect()"""
    return fast_open(connect=False)


def fast_open_connect():
    """TCP Fast Open by connect(), which sends no SYN before the first data"""
    return fast_open(connect=True)


def mptcp():
    """an MPTCP connection with one path"""
    with actors() as (client, server):
        port = server.call(do_listen_mptcp)
        local_port = client.call(do_connect_mptcp, port)
        server.call(do_accept)
        link = Link(client, server, local_port, port)
        link.exchange(300, 0)
        return link.close('client')


# --- attempts that fail -------------------------------------------------------------------------

def attempt(address, port, error, phase, netns=None, **options):
    with Actor('client', netns=netns) as client:
        local, seen = client.call(do_attempt, address, port, options)
        assert seen == ('EINPROGRESS' if phase == 'cancelled' else error), seen
        return [End('client', 'connect', (LO, local), (address, port), client.who, error=error,
                    phase=phase, netns=netns)]


def nobody():
    with listen_on() as listener:
        return port_of(listener)


def blackhole():
    """A namespace with a route to 192.0.2.0/24 and nobody there: what is sent comes to nothing."""
    ns = Namespace()
    ns.run('ip', 'route', 'add', '192.0.2.0/24', 'dev', 'lo', 'src', LO)
    return ns


def refused():
    """nobody listens: ECONNREFUSED"""
    return attempt(LO, nobody(), 'ECONNREFUSED', 'handshake')


def refused_without_blocking():
    """nobody listens, and the socket does not block: EINPROGRESS, then ECONNREFUSED"""
    return attempt(LO, nobody(), 'ECONNREFUSED', 'handshake', blocking=False)


def timed_out():
    """no answer: ETIMEDOUT"""
    return attempt('192.0.2.1', 80, 'ETIMEDOUT', 'handshake', blackhole(), blocking=False, syn_count=1)


def cancelled():
    """the process closes the socket before there is an answer"""
    return attempt('192.0.2.1', 80, 'ECANCELED', 'cancelled', blackhole(), blocking=False)


def no_route():
    """there is no route: ENETUNREACH, and no SYN leaves"""
    return attempt('192.0.2.1', 80, 'ENETUNREACH', 'local', Namespace())


def unreachable():
    """the routing table says unreachable: EHOSTUNREACH, and no SYN leaves"""
    ns = Namespace()
    ns.run('ip', 'route', 'add', 'unreachable', '192.0.2.0/24')
    return attempt('192.0.2.1', 80, 'EHOSTUNREACH', 'local', ns)


def no_local_port():
    """no local port is free: EADDRNOTAVAIL, and no SYN leaves"""
    ns = Namespace()
    ns.sysctl('ipv4/ip_local_port_range', '61000 61000')
    with ns:
        listener = listen_on(port=61000)
    ends = attempt(LO, 61000, 'EADDRNOTAVAIL', 'local', ns)
    listener.close()
    return ends


# --- what began before the tools ----------------------------------------------------------------

def older():
    """the connection is older than the tools"""
    with actors() as pair:
        link = link_up(*pair)
        link.exchange(300, 5000)
        yield
        link.exchange(7, 11)
        for end in link.ends:
            end.old = True
        yield link.close('server')


def accept_waits():
    """the server has waited in accept() since before the tools started"""
    with actors() as (client, server):
        _, port = server.call(do_listen, LO)
        server.begin(do_accept)
        wait_until_blocked(server.pid, SYS_ACCEPT4)
        yield
        _, local_port = client.call(do_connect, LO, port)
        server.result()
        yield Link(client, server, local_port, port).close('client')


# ------------------------------------------------------------------------------------------------

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


CASES = [client_closes_first, server_closes_first, killed_server, killed_client, worker_accepts,
         child_closes, short_lived, thread_with_a_name, never_accepted, reset_in_the_queue,
         reset_by_client, reset_by_server, dissolved, half_closed, bytes_counted, mapped,
         port_of_bind, two_namespaces, fast_open_send, fast_open_connect, mptcp, refused,
         refused_without_blocking, timed_out, cancelled, no_route, unreachable, no_local_port, older,
         accept_waits]


NEEDS = {mptcp: lambda: os.path.exists('/proc/sys/net/mptcp')}  # what a kernel may be without


def title(case):
    return inspect.getdoc(case).splitlines()[0]
