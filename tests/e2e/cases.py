"""The cases in which connsnoop must be right, in the order of docs/cases.md.

A test proves one by its mark, `@pytest.mark.case('owner', 'server closes first')`; several tests may
prove one together. `marks()` and `faults()` read the sources, so that this needs no pytest.
"""
import ast
from pathlib import Path

HERE = Path(__file__).parent

CASES = {
    'owner': ('Owner', [
        'server closes first',
        "child made in the client's task on loopback",
        'accept by a worker of a pre-forked server',
        'accept() that waited before the trace',
        'SO_REUSEPORT',
        'accepted by a parent, used and closed by a child',
        'descriptor passed over a unix socket',
        'thread with another name',
        'io_uring connect',
        'io_uring accept',
        'killed with SIGKILL',
        'process that lives for two milliseconds',
        'pid namespace',
        'never accepted',
    ]),
    'failures': ('Failures', [
        'refused',
        'reset during the handshake',
        'timed out',
        'host unreachable by ICMP',
        'network unreachable by ICMP',
        'no route',
        'unreachable, prohibit and blackhole routes',
        'no free local port',
        'firewall rule',
        'cgroup rule',
        'connect to port 0',
        'cancelled by close()',
        'cancelled by shutdown()',
        'cancelled by exit',
        'second connect() that fetches the error',
        'error fetched by SO_ERROR, then connect() again',
        'connect() interrupted by a signal',
        'calls that are no attempts',
    ]),
    'close': ('Close', [
        'local and remote',
        'reset-sent and reset-received',
        'timeout',
        'unreachable',
        'never-accepted',
        'closed by another process',
        'totals of send() and recv()',
        'totals of sendfile()',
        'totals of splice()',
        'totals of MSG_ZEROCOPY',
        'totals of io_uring',
        'half-close',
        "data after the peer's FIN",
        'orphan that lingers',
        'older than the trace',
    ]),
    'tuples': ('Tuples', [
        'local port never 0',
        'IPv4-mapped seen once, as IPv4',
        'same tuple in two namespaces',
        'Fast Open by the client',
        'Fast Open with data in the SYN',
        'MPTCP as one connection',
        'MPTCP with a second subflow',
        'simultaneous open',
        'connect() twice on one socket',
        'AF_UNSPEC disconnect',
        'listen() after connect() failed',
    ]),
    'udp': ('UDP', [
        'connected and not',
        'several peers on one socket',
        'IPv6',
        'IPv4-mapped',
        'multicast',
        'broadcast',
        'sendmmsg()',
        'UDP_SEGMENT by setsockopt()',
        'UDP_SEGMENT by cmsg',
        'UDP_GRO',
        'UDP_CORK',
        'MSG_MORE',
        'datagrams of no bytes',
        'received ones counted',
        'MSG_PEEK not counted',
        'failed: refused by ICMP',
        'failed: too long',
        'failed: no route',
        'failed: firewall rule',
        'thousands of peers on one socket',
        'connect() and nothing sent',
        'idle and closed',
    ]),
    'names': ('Names', [
        'cgroup that is removed before the line is printed',
        'container, pod and unit by the cgroup',
        'real resolvers and clients, UDP and TCP',
        'connection within a millisecond of the answer',
        'answers from whom nobody has asked',
        'more names than are remembered',
        'interface, next hop, MAC addresses, TTL, MTU, MSS and DSCP (--link)',
    ]),
    'existing': ('What was there before', [
        'TCP and UDP sockets of every namespace, with owner, state and totals',
        'neither gap nor double',
        'later events with the right owner',
    ]),
    'list': ('connsnoop list', [
        'all that ss lists, as ss has it',
        'sockets of every state',
        'all processes that hold a socket',
        'filters and states',
        'a socket that is open throughout is never missed',
        'what is new and what is gone',
    ]),
    'loopback': ('Loopback', [
        'both ends on this machine',
        'namespaces joined by veth',
        'namespaces joined by a bridge',
    ]),
    'command': ('connsnoop -- COMMAND', [
        'only the command and its descendants',
        'nothing missed at the start',
        'threads and daemons',
        'its standard input, output and terminal',
        'its signals and exit status',
        'table at the end',
        'as another user',
    ]),
    'filters': ('Filters', [
        'each alone',
        'combined',
        'IPv4-mapped addresses',
        'lists of networks, the longest prefix decides',
        'what is filtered out takes no room in the buffer',
        'no state of what is filtered out',
    ]),
}

# Without a test as yet; docs/cases.md says so.
UNTESTED = {'command'}


def registered():
    return [(group, case) for group, (_, cases) in CASES.items() for case in cases]


def marks():
    """(file, line, arguments) of each mark in the tests, in whatever way it is put there."""
    for path in sorted(HERE.glob('test_*.py')):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                    and node.func.attr == 'case'):
                yield path.name, node.lineno, tuple(getattr(a, 'value', None) for a in node.args)


def faults():
    """Marks that name no case, and cases that no test proves."""
    known, proved = set(registered()), set()
    found = []
    for name, line, args in marks():
        if args not in known:
            found.append(f'{name}:{line}: {args} is no case of cases.py')
        proved.add(args)
    for case in registered():
        if case not in proved and case[0] not in UNTESTED:
            found.append(f'no test has the mark {case}')
        if case in proved and case[0] in UNTESTED:
            found.append(f'cases.py: {case[0]} is tested')
    return found
