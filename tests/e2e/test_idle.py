"""Where nothing happens connsnoop sleeps: no timer runs, and what the filters exclude does not wake it."""
import re

import pytest

from sockets import Pair, udp_socket, wait_until

EPOLL_WAIT = '232'  # on x86-64
FOR_EVER = 0xffffffff


def timeout(trace):
    """What it sleeps for in epoll_wait(), ms; None: it does not."""
    with open(f'/proc/{trace.process.pid}/syscall') as f:
        call, *args = f.read().split()
    return int(args[3], 16) & FOR_EVER if call == EPOLL_WAIT else None


def wait_for_sleep(trace):
    """Wait until only an event can wake it."""
    wait_until(lambda: timeout(trace) == FOR_EVER, 'sleep without end')


def switches(trace):
    """How often it has been scheduled: a process that sleeps cannot be without waking."""
    with open(f'/proc/{trace.process.pid}/status') as f:
        return sum(int(n) for n in re.findall(r'ctxt_switches:\s+(\d+)', f.read()))


def make_traffic():
    with Pair() as pair:
        pair.exchange(b'up', b'down')
    with udp_socket(port=0) as a, udp_socket(port=0) as b:
        a.sendto(b'datagram', b.getsockname())
        b.recv(100)


OPTIONS = [[], ['-j'], ['--latency', '0'], ['-u', '--in', '-j'], ['--class', 'private', '--udp-idle', '0.2']]


@pytest.mark.parametrize('options', OPTIONS, ids=' '.join)
def test_asleep(tracer, netns, options):
    """Its namespace is quiet; there is much to exclude elsewhere, TCP and UDP."""
    trace = tracer('--netns', netns.path, *options, json=False)
    trace.wait_for_scan()
    make_traffic()  # may wake it: the path of this process's executable is noted before the filters decide
    wait_for_sleep(trace)
    before = switches(trace)
    for _ in range(50):
        make_traffic()
    assert timeout(trace) == FOR_EVER
    assert switches(trace) == before
    trace.stop()


def test_asleep_without_filters(tracer):
    """Flows of others end soon with this option; then nothing is due, whoever made them."""
    trace = tracer('--udp-idle', '0.2')
    trace.wait_for_scan()
    wait_for_sleep(trace)
    trace.stop()


@pytest.mark.parametrize('options', [['--pid', '1'], ['--comm', 'no-such-comm'], ['--in', '--pid', '1'],
                                     []], ids=' '.join)
def test_flows(tracer, netns, options):
    """UDP flows are looked after while there are any, those that filters hide too: then it sleeps again."""
    trace = tracer('--netns', netns.path, '--udp-idle', '0.5', *options)
    trace.wait_for_scan()
    wait_for_sleep(trace)
    for _ in range(2):
        with netns, udp_socket(port=0) as a, udp_socket(port=0) as b:
            with udp_socket(port=0) as c:
                a.sendto(b'one', b.getsockname())
                a.sendto(b'two', c.getsockname())
            wait_until(lambda: timeout(trace) not in (None, FOR_EVER), 'a time to look after flows')
            wait_for_sleep(trace)
    trace.stop()
