"""The fields that all events share: owner, id, namespace, classes, services, origins."""
import datetime
import os
import pwd
import shutil
import time

import pytest

from sockets import (Pair, Process, cgroup_of, cookie, do_close, do_connect,
                     do_listen, listen_on, netns_of, parent_of, port_of, run, tcp_socket,
                     udp_socket)
from tracing import pick

NOBODY = pwd.getpwnam('nobody').pw_uid
KINDS = 'connect', 'established', 'close'


class Server:
    """Listens. Clients that have closed wait for the other end's FIN: end() resets them."""

    def __init__(self):
        self.listener = listen_on()
        self.port = port_of(self.listener)

    def end(self):
        self.listener.close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.end()


def test_process(trace, server):
    """pid, tid, ppid, uid, comm, exe: of the process that connects."""
    with Process(b'some-client', uid=NOBODY) as client:
        client_id, _ = client.call(do_connect, '127.0.0.1', server.port)
        client.call(do_close, 'client')
        wanted = {
            'pid': client.pid, 'tid': client.pid, 'ppid': os.getpid(), 'uid': NOBODY,
            'comm': 'some-client', 'exe': os.readlink('/proc/self/exe'),
            'cgroup': cgroup_of(client.pid), 'netns': netns_of(),
        }
        assert parent_of(client.pid) == os.getpid()
        server.end()
        for kind in KINDS:
            assert pick(trace.wait_for(event=kind, id=client_id), wanted) == wanted


@pytest.mark.parametrize('comm, shown', [
    (b'fifteen-letters', 'fifteen-letters'), (b'more-than-fifteen-letters', 'more-than-fifte'),
    (b'with space', 'with space'), ('näme'.encode(), 'näme')])
def test_comm(trace, server, comm, shown):
    with Process(comm) as client:
        client_id, _ = client.call(do_connect, '127.0.0.1', server.port)
    assert trace.wait_for(event='connect', id=client_id)['comm'] == shown


def test_process_that_ends_at_once(trace, server):
    """Nothing of it is left to be looked up when its events are printed."""
    with Process(b'short-lived') as client:
        client_id, _ = client.call(do_connect, '127.0.0.1', server.port)
        pid = client.pid
    wanted = {'pid': pid, 'ppid': os.getpid(), 'comm': 'short-lived',
              'exe': os.readlink('/proc/self/exe'), 'cgroup': cgroup_of()}
    server.end()
    for kind in KINDS:
        assert pick(trace.wait_for(event=kind, id=client_id), wanted) == wanted


def test_another_executable(trace, server, tmp_path):
    """exe is the path of the file, whatever its name."""
    python = shutil.copy(os.path.realpath('/usr/bin/python3'), tmp_path / 'a strange näme')
    run(python, '-c', f'import socket; socket.create_connection(("127.0.0.1", {server.port}))')
    event = trace.wait_for(event='connect', exe=str(python))
    assert event['rport'] == server.port
    assert event['comm'] == 'a strange näme'.encode()[:15].decode()


def test_netns(trace, netns):
    with netns:
        with Pair() as pair:
            pass
    for socket_id in pair.client_id, pair.server_id, pair.listener_id:
        for event in trace.wait_for(id=socket_id, count=2):
            assert event['netns'] == netns.inode
    trace.wait_for(event='close', id=pair.client_id)


def test_netns_of_the_socket(trace, netns):
    """The socket's namespace counts, not the one that its owner is in by now."""
    with netns:
        listener = listen_on()
        client = tcp_socket()
    client.connect(listener.getsockname())
    assert trace.wait_for(event='connect', id=cookie(client))['netns'] == netns.inode
    client.close()
    listener.close()


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_id_is_the_cookie(trace, need, address):
    """Found by their ports; SO_COOKIE is only asked for when everything has been told."""
    need(trace, 'accept')
    listener = listen_on(address)
    port = port_of(listener)
    client = tcp_socket(address)
    client.connect((address, port))
    server, _ = listener.accept()
    client_port = port_of(client)
    told = {
        client: trace.wait_for(event='established', lport=client_port, rport=port)['id'],
        server: trace.wait_for(event='accept', lport=port, rport=client_port)['id'],
        listener: trace.wait_for(event='listen', lport=port)['id'],
    }
    for sock, socket_id in told.items():
        assert socket_id == cookie(sock)
        sock.close()


def test_id_of_udp_is_the_cookie(trace, need):
    need(trace, 'udp sent')
    server, client = udp_socket(port=0), udp_socket()
    client.sendto(b'x', server.getsockname())
    server.recv(10)
    ports = port_of(client), port_of(server)
    client_id = trace.wait_for(event='flow', lport=ports[0], rport=ports[1])['id']
    server_id = trace.wait_for(event='flow', lport=ports[1], rport=ports[0])['id']
    assert client_id == cookie(client)
    assert server_id == cookie(server)
    client.close()
    server.close()


# --- ports --------------------------------------------------------------------------------------

@pytest.mark.parametrize('port, lclass, name', [
    (1, 'well-known', 'tcpmux'), (443, 'well-known', 'https'), (1023, 'well-known', None),
    (1024, 'registered', None), (3306, 'registered', 'mysql'), (49151, 'registered', None),
    (49152, 'private', None), (65535, 'private', None)])
def test_port_classes(trace, need, netns, port, lclass, name):
    """The server's side by its port, in its own namespace, where all ports are free."""
    need(trace, 'accept')
    with netns:
        with Pair(port=port, bind=('127.0.0.1', 50000)) as pair:
            pass
    out = {'rport': port, 'rclass': lclass, 'rservice': name, 'service': name,
           'lport': 50000, 'lclass': 'private', 'lservice': None}
    into = {'lport': port, 'lclass': lclass, 'lservice': name, 'service': name,
            'rport': 50000, 'rclass': 'private', 'rservice': None}
    for kind in KINDS:
        assert pick(trace.wait_for(event=kind, id=pair.client_id), out) == out
    for kind in 'accept', 'close':
        assert pick(trace.wait_for(event=kind, id=pair.server_id), into) == into


def test_well_known_client_port(trace, need, netns):
    """Only root binds there; the service is the server's all the same."""
    need(trace, 'accept')
    with netns:
        with Pair(port=8080, bind=('127.0.0.1', 80)) as pair:
            pass
    wanted = {'lport': 80, 'lclass': 'well-known', 'lservice': 'http', 'lorigin': 'bound',
              'rservice': 'http-alt', 'service': 'http-alt'}
    assert pick(trace.wait_for(event='established', id=pair.client_id), wanted) == wanted
    wanted = {'rport': 80, 'rclass': 'well-known', 'rservice': 'http', 'service': 'http-alt'}
    assert pick(trace.wait_for(event='accept', id=pair.server_id), wanted) == wanted


def test_services_by_protocol(trace, need, netns):
    """A port has its names by protocol: 514 is shell in TCP and syslog in UDP."""
    need(trace, 'udp bind')
    with netns:
        with Pair(port=514) as pair:
            pass
        sock = udp_socket(port=514)
    udp_id = cookie(sock)
    sock.close()
    assert trace.wait_for(event='established', id=pair.client_id)['service'] == 'shell'
    assert trace.wait_for(event='listen', id=udp_id)['service'] == 'syslog'


@pytest.mark.parametrize('bind, name', [(None, None), (('127.0.0.1', 47808), 'bacnet')], ids=str)
def test_service_of_a_chosen_port(trace, need, netns, bind, name):
    """A name for the client's port says something only if the client asked for that port."""
    need(trace, 'accept')
    netns.sysctl('ipv4/ip_local_port_range', '47808 47808')
    with netns:
        with Pair(port=443, bind=bind) as pair:
            pass
    wanted = {'lport': 47808, 'lservice': name, 'rservice': 'https', 'service': 'https'}
    for kind in KINDS:
        assert pick(trace.wait_for(event=kind, id=pair.client_id), wanted) == wanted


def test_service_of_a_range(trace, netns):
    """Each port of a range has its name."""
    with netns:
        with Pair(port=6040, bind=('127.0.0.1', 50000)) as pair:
            pass
    wanted = {'rservice': 'x11', 'service': 'x11', 'lservice': None}
    assert pick(trace.wait_for(event='established', id=pair.client_id), wanted) == wanted


# --- time ---------------------------------------------------------------------------------------

def wall_clock():
    now = time.time_ns()
    when = datetime.datetime.fromtimestamp(now // 10 ** 9, datetime.timezone.utc)
    return when.strftime('%Y-%m-%dT%H:%M:%S.') + f'{now % 10 ** 9:09d}Z'


def test_timestamps(trace, need):
    """Between this process's own readings of the clock, before and after each step."""
    need(trace, 'accept')
    clock = [wall_clock()]
    listener = listen_on()
    clock.append(wall_clock())
    client = tcp_socket()
    client.connect(listener.getsockname())
    clock.append(wall_clock())
    server, _ = listener.accept()
    clock.append(wall_clock())
    ids = cookie(client), cookie(server), cookie(listener)
    clock.append(wall_clock())
    client.close()
    assert server.recv(1) == b''
    server.close()
    listener.close()
    for step, kind, socket_id in [(0, 'listen', ids[2]), (1, 'connect', ids[0]),
                                  (1, 'established', ids[0]), (2, 'accept', ids[1])]:
        ts = trace.wait_for(event=kind, id=socket_id)['ts']
        assert clock[step] < ts < clock[step + 1]
    for socket_id in ids[:2]:
        assert clock[4] < trace.wait_for(event='close', id=socket_id)['ts']
    trace.wait_for(event='unlisten', id=ids[2])
    clock.append(wall_clock())
    assert trace.find(event='unlisten', id=ids[2])[0]['ts'] < clock[5]


def test_duration_and_timestamps_agree(trace):
    with Pair() as pair:
        pair.exchange(b'x', b'y')
    close = trace.wait_for(event='close', id=pair.client_id)
    established = trace.wait_for(event='established', id=pair.client_id)
    connect = trace.wait_for(event='connect', id=pair.client_id)
    assert abs(microseconds(established, close) - close['duration_us']) <= 1
    if trace.abilities['connect before its outcome']:
        assert abs(microseconds(connect, established) - established['handshake_us']) <= 1


def microseconds(earlier, later):
    def ns(event):
        ts = event['ts']
        whole = datetime.datetime.fromisoformat(ts[:19] + '+00:00')
        return int(whole.timestamp()) * 10 ** 9 + int(ts[20:29])
    return (ns(later) - ns(earlier)) // 1000


def test_listener_of_another_process(trace):
    with Process(b'some-server', uid=NOBODY) as server:
        listener_id, _ = server.call(do_listen, '127.0.0.1')
        event = trace.wait_for(event='listen', id=listener_id)
        wanted = {'pid': server.pid, 'uid': NOBODY, 'comm': 'some-server'}
        assert pick(event, wanted) == wanted
