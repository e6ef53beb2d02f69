"""The cases: connections of which everything is known, because these functions make them.

A case is a function that makes its sockets, ends them and returns what is true of both ends of each
connection. Its first line says what the case is, in the words of the page. One that has something to
do before the tools start is a generator: it yields there.
"""
import inspect
import os

from links import (Actor, DRIVER, End, LO, Link, RESET, SYN_RECV, SYS_ACCEPT4, TFO_WITHOUT_COOKIE,
                   actors, delay, do_answer, do_attempt, do_bind_and_connect, do_connect_in_thread,
                   do_connect_mptcp, do_dissolve, do_fast_open, do_listen_fast_open,
                   do_listen_mptcp, do_live_shortly, do_receive, do_reset, do_shutdown,
                   do_wait_for_end, link_up)
from sockets import (Namespace, do_accept, do_close, do_connect, do_listen, do_send, held,
                     listen_on, port_of, wait_until_blocked)

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
        link.client.reason = RESET[:1] if reset else RESET[1:]
        link.server.reason = 'never-accepted',
        return link.ends


def never_accepted():
    """the server closes its listener and has not accepted"""
    return not_accepted(reset=False)


def reset_in_the_queue():
    """the client resets the connection, then the server closes its listener, not having accepted"""
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


def closed_before_data_came():
    """the client closes while data is on its way, and its kernel answers that with a reset"""
    ns = Namespace()
    delay(ns)
    with actors(netns=ns) as (client, server):
        link = link_up(client, server, netns=ns)
        server.call(do_send, 'server', bytes(4))
        link.server.tx = 4
        # this end has sent a FIN and a reset, and received neither
        return link.close('client', reasons=(('local', 'reset-sent'), 'reset-received'))


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


def fast_open_early():
    """TCP Fast Open: the server accepts, answers and closes before the handshake is over"""
    ns = Namespace()
    ns.sysctl('ipv4/tcp_fastopen', str(TFO_WITHOUT_COOKIE))
    with actors(netns=ns) as (client, server):
        port = server.call(do_listen_fast_open)
        delay(ns)
        server.begin(do_answer)
        wait_until_blocked(server.pid, SYS_ACCEPT4)
        local_port, _ = client.call(do_fast_open, port, False)
        assert server.result() == SYN_RECV
        link = Link(client, server, local_port, port, netns=ns)
        link.count(600, 50)
        return link.close('server', lambda _: None)


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


def queued():
    """the connection is older than the tools, and is accepted while they run"""
    with actors() as (client, server):
        _, port = server.call(do_listen, LO)
        _, local_port = client.call(do_connect, LO, port)
        yield
        server.call(do_accept)
        link = Link(client, server, local_port, port)
        link.client.old = link.server.old = link.server.accepted_late = True
        yield link.close('client')


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

CASES = [client_closes_first, server_closes_first, killed_server, killed_client, worker_accepts,
         child_closes, short_lived, thread_with_a_name, never_accepted, reset_in_the_queue,
         reset_by_client, reset_by_server, dissolved, half_closed, closed_before_data_came,
         bytes_counted, mapped, port_of_bind, two_namespaces, fast_open_send, fast_open_connect,
         fast_open_early, mptcp, refused, refused_without_blocking, timed_out, cancelled, no_route,
         unreachable, no_local_port, older, queued, accept_waits]


NEEDS = {mptcp: lambda: os.path.exists('/proc/sys/net/mptcp')}  # what a kernel may be without


def title(case):
    return inspect.getdoc(case).splitlines()[0]
