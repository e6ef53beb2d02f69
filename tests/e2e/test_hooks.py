"""Every hook is there where the kernel can have it: other tests expect less, in silence, where one is missing."""
import os
import re

import pytest

from sockets import IN_VM
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
    assert not [hook for hook, where in ways.items() if 'probe/' in where], ways
    for hook in 'tcp-connect', 'tcp-connect-return', 'tcp-listen', 'udp-send', 'udp-receive', 'udp-bind', 'udp-close':
        assert re.match('fentry/|fexit/', ways[hook]), ways


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
