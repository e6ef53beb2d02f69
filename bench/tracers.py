"""The tracers: how each is run, and what it has to tell of the load."""
import dataclasses
import os
import pathlib
import shutil

from machine import CONNSNOOP

TCPLIFE_BT = str(pathlib.Path(__file__).with_name('tcplife.bt'))
TCPDUMP = ['tcpdump', '-i', 'lo', '-n']
SYN_FIN_RST = 'tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0'
# With its own default it loses a third of the events at once.
CONNTRACK = ['conntrack', '-E', '-b', str(32 << 20)]
NOBODYS_PORT = '9'  # none of the load's, but of the warm-up

# conntrack(8) is told of nothing while no rule asks for the state of connections. Without the
# shorter time, its table is full of those in TIME-WAIT before the run is over.
TRACKING = [['nft', 'add table ip bench'],
            ['nft', 'add chain ip bench out { type filter hook output priority 0; }'],
            ['nft', 'add rule ip bench out ct state new accept'],
            ['sh', '-c', 'echo 1 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait']]


@dataclasses.dataclass(frozen=True)
class Tracer:
    name: str
    argv: list  # '{out}' is the file to write; without it, stdout is
    tells: str  # what it tells, for the page
    per_connection: int = 0  # lines or packets that it owes for one connection, of both its ends
    per_flow: int = None  # the same of a UDP flow; None: it is not for UDP
    live: list = None  # another command, that writes to stdout at once, to see how fast it starts
    counted: bytes = b''  # what a line has to contain besides the load's address
    uncounted: bytes = None  # what it must not contain
    pcap: bool = False  # the output is no text
    rest_seconds: float = 0  # how long it may hold back what it has seen, without using the CPU
    before: list = dataclasses.field(default_factory=list)  # commands
    after: list = dataclasses.field(default_factory=list)

    @property
    def program(self):
        return self.argv[0]

    @property
    def ours(self):
        return self.program == CONNSNOOP

    @property
    def silent(self):
        """Whether it has nothing to tell, because a filter leaves the load out."""
        return not self.per_connection


def connsnoop(name, *options, tells='all events of both ends, owner, peer, totals', per_connection=5,
              per_flow=4):
    return Tracer(name, [CONNSNOOP, *options, '-o', '{out}'], tells, per_connection, per_flow,
                  live=[CONNSNOOP, *options, '--latency', '0'])


def ours():
    nothing = {'tells': 'nothing: filtered out in the kernel', 'per_connection': 0, 'per_flow': 0}
    return [
        connsnoop('connsnoop'),
        connsnoop('connsnoop -j', '-j'),
        connsnoop('connsnoop -P, a port that nothing uses', '-P', NOBODYS_PORT, **nothing),
        connsnoop('connsnoop -p, another process', '-p', str(os.getpid()), **nothing),
    ]


def backends():
    return [connsnoop(f'connsnoop --backend {b}', '--backend', b) for b in
            ('fentry', 'kprobe', 'tracepoint')]


def peers():
    def of_stdout(name, argv, tells, owes):
        return Tracer(name, argv, tells, owes, live=['stdbuf', '-oL', *argv])
    bpftrace = ['bpftrace', '-q']
    return [
        of_stdout('tcplife', ['tcplife'], 'each end when it is closed: owner, totals', 2),
        # before the change to SYN-RECV no address is known on 6.12, so that line cannot be counted
        Tracer('tcpstates', ['tcpstates'], 'each change of state, current process', 9,
               live=['stdbuf', '-oL', 'tcpstates'], uncounted=b'-> SYN_RECV'),
        of_stdout('tcpconnect', ['tcpconnect'], 'each connect(), process', 1),
        of_stdout('tcptracer', ['tcptracer'], 'connect, accept, two closes, process', 4),
        Tracer('bpftrace, as tcplife', [*bpftrace, '-B', 'full', TCPLIFE_BT],
               'each end when it is closed: owner', 2, live=[*bpftrace, TCPLIFE_BT]),
        Tracer('ss -E', ['ss', '-E', '-t', '-n'], 'each end when it is closed: no process; when interrupted, not the last block', 2,
               live=['stdbuf', '-oL', 'ss', '-E', '-t', '-n']),
        Tracer('conntrack -E', CONNTRACK, 'new, changes, end: no process; tracking is part of the cost', 1, 1,
               live=['stdbuf', '-oL', *CONNTRACK], counted=b'[NEW]', before=TRACKING,
               after=[['nft', 'delete table ip bench']]),
        Tracer('tcpdump', [*TCPDUMP, '-w', '{out}', SYN_FIN_RST], 'SYN, FIN, RST as packets: no process',
               4, live=[*TCPDUMP, '-l', SYN_FIN_RST], pcap=True, rest_seconds=2),
    ]


def installed(tracer):
    return all(shutil.which(command[0]) for command in [tracer.argv, *tracer.before])
