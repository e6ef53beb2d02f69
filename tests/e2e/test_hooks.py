"""Every hook is there where the kernel can have it: other tests expect less, in silence, where one is missing."""
import os
import re

import pytest

from sockets import IN_VM, Pair, cookie, tcp_socket, udp_socket
from test_cli import connsnoop
from tracing import BACKEND

KERNEL = os.environ.get('CONNSNOOP_VM')
# What no program of a kernel can do: the events are all there without it.
MISSING = {'5.10': {'mptcp-cookie'}}
EVERYTHING = ['--existing', '--datagrams', '--states']


def probe(*args):
    done = connsnoop('probe', *args)
    assert done.returncode == 0, done
    return done.stdout.decode()


def missing(text):
    """The hooks that `probe` calls missing."""
    found, hook = set(), None
    for line in text.splitlines():
        if line and not line[0].isspace():
            hook = line.split(':')[0]
        if 'MISSING:' in line:
            found.add(hook)
    return found


def test_none_is_missing():
    """On none of these kernels, with none of the backends that the tests use there."""
    text = probe('--backend', BACKEND)
    assert missing(text) == MISSING.get(KERNEL, set()), text
    assert 'Every event can be traced.' in text


@pytest.mark.skipif(not IN_VM or BACKEND != 'fentry', reason='the kernels that are known to have fentry')
@pytest.mark.parametrize('backend', ['fentry', 'auto'])
def test_no_kprobes(tracer, backend):
    """Where there is fentry it serves every hook that no tracepoint does."""
    trace = tracer(*EVERYTHING, backend=backend)
    ways = trace.ways()
    trace.stop()
    assert len(ways) >= 12, ways
    assert not [hook for hook, where in ways.items() if re.match('k(ret)?probe/', where)], ways
    for hook in 'tcp-connect', 'tcp-connect-return', 'tcp-listen', 'udp-send', 'udp-receive', 'udp-bind', 'udp-close':
        assert re.match('fentry/|fexit/', ways[hook]), ways


# Neither tracefs nor the right to mount it: `COMMAND...` in its place, as the same process.
NO_TRACEFS = ['unshare', '-m', 'sh', '-c', 'for at in /sys/kernel/tracing /sys/kernel/debug; do '
              '[ ! -d $at ] || mount -t tmpfs none $at; done; exec setpriv --bounding-set=-sys_admin "$@"', 'sh']


def test_exits_of_all_calls(tracer, netns):
    """Where the exits of single system calls cannot be had, those of all tell the same."""
    trace = tracer(backend='tracepoint', wrap=NO_TRACEFS)
    for hook in 'tcp-connect-return', 'tcp-accept', 'udp-bind':
        assert trace.ways()[hook].startswith('tp_btf/sys_exit'), trace.ways()
    with netns, tcp_socket() as client, pytest.raises(OSError):
        client_id = cookie(client)
        client.connect(('192.0.2.1', 80))
    trace.wait_for(event='fail', id=client_id, phase='local', error='ENETUNREACH')
    pair = Pair('127.0.0.1')
    trace.wait_for(event='accept', id=cookie(pair.server), pid=os.getpid())
    pair.close()
    with udp_socket(port=0) as named:
        port = named.getsockname()[1]
    with udp_socket(port=port) as named:
        trace.wait_for(event='listen', id=cookie(named), lport=port)
    trace.stop()


def test_maps():
    """The sum is that of the lines, and the sizes are those that were asked for."""
    text = probe('--backend', BACKEND, '--buffer', '65536', '--udp-flows', '1000')
    rows = [line.split() for line in text[text.index('\nmap '):].splitlines()[2:]]
    entries = {row[0]: int(row[1]) for row in rows if row[1] != '-'}
    assert (entries['events'], entries['flows']) == (65536, 1000)
    assert entries['filter_pids'] == entries['filter_ports'] == 1
    *maps, total = [row for row in rows if row[2] != '-']
    assert [sum(int(row[i]) for row in maps) for i in (2, 3)] == [int(n) for n in total[2:4]], text
    assert all(int(row[2]) <= int(row[3]) for row in maps), text
