"""connsnoop under test: started, read, stopped, and each line held against the contract."""
import collections
import ipaddress
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from sockets import START_TIMEOUT, TIMEOUT, port_class, wait_until

BINARY = os.path.abspath(os.environ.get('CONNSNOOP', Path(__file__).parents[2] / 'build/connsnoop'))
BACKEND = os.environ.get('CONNSNOOP_BACKEND', 'auto')

# --- the contract: fields -----------------------------------------------------------------------

SOCKET_EVENTS = {'connect', 'established', 'accept', 'fail', 'close', 'listen', 'unlisten', 'flow',
                 'send', 'state', 'existing'}
TCP_ONLY = {'connect', 'established', 'accept', 'fail', 'state'}
UDP_ONLY = {'flow', 'send'}
CLOSE = {'close'}
TOTALS = {'close', 'existing'}
OPEN = {'established', 'accept', 'close'}

FIELDS = {name: (kind, SOCKET_EVENTS) for kind, names in {
    int: 'ipv id pid tid ppid uid netns lport rport nat_rport',
    str: 'proto comm exe cgroup container runtime pod unit attr laddr raddr lclass rclass lservice rservice lorigin '
         'rname rname_source nat_raddr direction service',
    bool: 'mapped mptcp',
}.items() for name in names.split()}
FIELDS |= {
    'ts': (str, SOCKET_EVENTS | {'lost', 'summary'}),
    'event': (str, SOCKET_EVENTS | {'lost', 'summary'}),
    'handshake_us': (int, {'established', 'close'}),
    'duration_us': (int, CLOSE), 'tx_bytes': (int, TOTALS), 'rx_bytes': (int, TOTALS),
    'tx_packets': (int, TOTALS), 'rx_packets': (int, TOTALS), 'rtt_us': (int, TOTALS),
    'retrans': (int, TOTALS | {'fail'}), 'closer_pid': (int, CLOSE), 'closer_comm': (str, CLOSE),
    'reason': (str, {'close', 'lost'}), 'error': (str, {'fail', 'send'}), 'phase': (str, {'fail'}),
    'state': (str, {'existing'}),
    'peer_pid': (int, OPEN), 'peer_comm': (str, OPEN),
    'rx_queue_bytes': (int, {'existing'}), 'tx_queue_bytes': (int, {'existing'}),
    'accept_queue': (int, {'existing'}), 'owners': (list, {'existing'}), 'change': (str, {'existing'}),
    'old_state': (str, {'state'}), 'new_state': (str, {'state'}), 'backlog': (int, {'listen', 'existing'}),
    'bytes': (int, {'send'}), 'kind': (str, {'lost'}), 'count': (int, {'lost'}),
    'events': (dict, {'summary'}), 'lost': (dict, {'summary'}),
}
FIELDS |= {name: (kind, SOCKET_EVENTS - {'listen', 'unlisten'}) for kind, names in {
    int: 'ifindex ttl mtu mss dscp', str: 'ifname mac link next_hop next_hop_mac',  # --link
}.items() for name in names.split()}
WORDS = {
    'link': {'loopback', 'point-to-point', 'on-link', 'gateway'},
    'proto': {'tcp', 'udp'}, 'direction': {'in', 'out'}, 'lorigin': {'dynamic', 'bound'},
    'attr': {'connect', 'accept', 'listen', 'listener', 'send', 'recv', 'scan', 'none'},
    'rname_source': {'dns', 'libc', 'hosts', 'lookup'},
    'phase': {'local', 'handshake', 'cancelled'}, 'change': {'new', 'gone'},
}
REASONS = {
    'tcp': {'local', 'remote', 'reset-sent', 'reset-received', 'timeout', 'unreachable',
            'never-accepted'},
    'udp': {'idle', 'closed'},
}
STATES = {
    'tcp': {'LISTEN', 'SYN-SENT', 'SYN-RECV', 'ESTAB', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'CLOSE-WAIT',
            'LAST-ACK', 'TIME-WAIT'},
    'udp': {'UNCONN', 'ESTAB'},
}
ALWAYS = {'proto', 'ipv', 'id', 'netns', 'attr'}
OWNER = {'pid', 'tid', 'ppid', 'uid', 'comm'}
KIND = re.compile(rb'"event":"([a-z]+)"')
MADE_UP = 2 ** 52  # ids above are no cookies: the next socket at that address may have the same
NESTED_COOKIE = 2 ** 64 - 2 ** 20  # these the kernel gives when giving cookies interrupts itself: they count down
MANY = 50_000  # lines: beyond, somebody else is busy, and only the test's own are checked in full
TS = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z')


def check_value(name, value, kind):
    wanted, kinds = FIELDS[name]
    assert kind in kinds, f'{name} is no field of {kind}'
    assert type(value) is wanted, f'{name}: {value!r}'
    if name == 'id' and value >= NESTED_COOKIE:
        assert value < 2 ** 64
    elif wanted is int:
        assert 0 <= value < 2 ** 53, f'{name}: {value}'
    elif wanted is str:
        assert value, f'{name} is empty'
    elif wanted is bool:
        assert value, f'{name} is false'
    if name in WORDS:
        assert value in WORDS[name], f'{name}: {value!r}'


def check_side(event, side):
    address, port = event.get(side + 'addr'), event.get(side + 'port')
    assert (address is None) == (port is None), f'half of {side}'
    if port is not None:
        parsed = ipaddress.ip_address(address)
        assert str(parsed) == address and parsed.version == event['ipv'], address
        assert port < 65536
        assert event[side + 'class'] == port_class(port)


def check_socket_event(event):
    kind, proto = event['event'], event['proto']
    assert ALWAYS <= event.keys(), f'without {ALWAYS - event.keys()}'
    assert proto == 'udp' or kind not in UDP_ONLY
    assert proto == 'tcp' or kind not in TCP_ONLY
    owner = OWNER & event.keys()
    assert owner == (set() if event['attr'] == 'none' else OWNER), f'half an owner: {owner}'
    check_side(event, 'l')
    check_side(event, 'r')
    if 'mapped' in event:
        assert event['ipv'] == 4
    if kind in ('listen', 'unlisten'):
        assert 'raddr' not in event and 'direction' not in event
    elif kind == 'existing':
        check_existing(event)
    elif kind != 'state':
        assert 'direction' in event or event['attr'] == 'none', 'no direction'
    assert ('rname' in event) == ('rname_source' in event), 'half a name'
    assert ('nat_raddr' in event) == ('nat_rport' in event) and ('nat_raddr' not in event or 'raddr' in event)
    if 'service' in event:
        server = 'r' if event.get('direction') == 'out' else 'l'
        assert event['service'] == event[server + 'service']
    if kind == 'close':
        assert event['reason'] in REASONS[proto], event['reason']
        assert {'tx_bytes', 'rx_bytes', 'tx_packets', 'rx_packets'} <= event.keys()
        assert ('closer_pid' in event) == ('closer_comm' in event)
        assert event.get('closer_pid') != event.get('pid') or 'pid' not in event
    if kind == 'fail':
        assert {'error', 'phase'} <= event.keys()
        assert (event['phase'] == 'cancelled') == (event['error'] == 'ECANCELED')


def check_existing(event):
    totals = {'tx_bytes', 'rx_bytes', 'tx_packets', 'rx_packets'} & event.keys()
    assert event['state'] in STATES[event['proto']], event['state']
    assert ('raddr' in event) == (event['state'] not in ('LISTEN', 'UNCONN'))
    if event['state'] in ('LISTEN', 'UNCONN', 'TIME-WAIT'):
        assert 'direction' not in event
    else:
        assert 'direction' in event or event['state'] == 'FIN-WAIT-2', 'no direction'
    assert len(totals) in (0, 4)
    assert bool(totals) == (event['proto'] == 'tcp' and 'direction' in event
                            and event['state'] != 'SYN-RECV')
    check_queues(event)
    if 'owners' in event:
        pids = [owner['pid'] for owner in event['owners']]
        assert len(pids) > 1 and pids[0] == event['pid'] and len(set(pids)) == len(pids), pids
        assert all(owner.keys() == {'pid', 'comm'} for owner in event['owners'])


def check_queues(event):
    listens = event['proto'] == 'tcp' and event['state'] == 'LISTEN'
    assert {'accept_queue', 'backlog'} & event.keys() == ({'accept_queue', 'backlog'} if listens else set())
    assert {'rx_queue_bytes', 'tx_queue_bytes'} & event.keys() == (
        set() if event['state'] in ('LISTEN', 'TIME-WAIT', 'SYN-RECV') else {'rx_queue_bytes', 'tx_queue_bytes'})


def check_event(event):
    """One line against the contract."""
    try:
        assert {'ts', 'event'} <= event.keys()
        assert TS.fullmatch(event['ts']), event['ts']
        for name, value in event.items():
            assert name in FIELDS, f'{name} is no field'
            check_value(name, value, event['event'])
        if event['event'] in SOCKET_EVENTS:
            check_socket_event(event)
        elif event['event'] == 'lost':
            assert event.keys() == {'ts', 'event', 'kind', 'reason', 'count'}
            assert event['count'] > 0
        elif event['event'] == 'summary':
            assert event.keys() == {'ts', 'event', 'events', 'lost'}
    except AssertionError as error:
        raise AssertionError(f'{error}\nin {json.dumps(event)}') from None


def check_order(events):
    """One outcome of each connect, one close of each established and accept, nothing twice."""
    state = {}
    for event in events:
        kind, key = event['event'], event.get('id')
        if event.get('proto') != 'tcp' or kind in ('state', 'listen', 'unlisten') or key > MADE_UP:
            continue
        was, state[key] = state.get(key), kind
        old = event['attr'] in ('scan', 'none')  # begun before the trace
        fine = {
            'connect': was in (None, 'fail', 'close'),
            'established': was == 'connect' or old,
            'fail': was == 'connect' or old or event.get('phase') == 'local',
            'accept': was in (None, 'existing'),
            'close': was in (None, 'existing', 'established', 'accept'),
            'existing': was is None,
        }[kind]
        if not fine:
            story = [e for e in events if e.get('id') == key]
            raise AssertionError(f'{kind} after {was}:\n' + '\n'.join(map(json.dumps, story)))


def unique_keys(pairs):
    assert len(dict(pairs)) == len(pairs), f'a key twice: {pairs}'
    return dict(pairs)


def no_constant(word):
    raise AssertionError(f'{word} is not JSON')


def parse_line(line):
    return json.loads(line.decode('utf-8'), object_pairs_hook=unique_keys,
                      parse_constant=no_constant)


def check_stream(lines, summary, all_kinds):
    """The stream as a whole: its summary, the last line, agrees with the lines before it."""
    counts = collections.Counter(KIND.search(line).group(1).decode() for line in lines)
    assert 'summary' not in counts, 'two summaries'
    assert summary['events'] == counts
    lost = collections.Counter()
    for line in lines:
        if b'"event":"lost"' in line:
            event = parse_line(line)
            lost[event['kind']] += event['count']
    assert summary['lost'] == lost
    if all_kinds and len(lines) <= MANY and not lost:
        check_order([json.loads(line) for line in lines])


def pick(event, wanted):
    """Those fields of an event, to be compared with what is wanted; None is absent."""
    return {name: event.get(name) for name in wanted}


# --- the program --------------------------------------------------------------------------------

class Trace:
    """A running `connsnoop`, usually with -j, and its stream so far."""

    def __init__(self, *args, json=True, backend=BACKEND, start=True, wrap=()):
        self.lines = []  # of JSON, as bytes
        self.summary = None
        self.args = [BINARY, '-v', '--backend', backend, *(['-j'] if json else []), *args]
        self._json = json
        self._whole = not {'-e', '--events', '-f', '--failed'} & set(args)
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self._offset = 0
        self.process = subprocess.Popen([*wrap, *self.args], stdin=subprocess.DEVNULL, stdout=self._out,
                                        stderr=self._err)
        if start:
            self.wait_for_start()

    @property
    def stderr(self):
        return os.pread(self._err.fileno(), 1 << 28, 0).decode(errors='replace')

    @property
    def stdout(self):
        return os.pread(self._out.fileno(), 1 << 28, 0)

    def wait_for_start(self):
        def started():
            assert self.process.poll() is None, f'connsnoop has ended:\n{self.stderr}'
            return 'debug: tracing\n' in self.stderr
        try:
            wait_until(started, 'tracing', START_TIMEOUT)
        except BaseException:
            self.kill()
            raise

    def wait_for_scan(self):
        """Wait until the owners of the sockets that were there before are known."""
        wait_until(lambda: 'debug: the scan of existing sockets has ended' in self.stderr, 'scan',
                   START_TIMEOUT)

    def _read(self):
        """Take in the lines that have been written since the last time, or a part of them; were there any?"""
        data = os.pread(self._out.fileno(), 1 << 28, self._offset)
        data = data[:data.rfind(b'\n') + 1]
        self._offset += len(data)
        for line in data.splitlines():
            if len(self.lines) < MANY:
                check_event(parse_line(line))
            self.lines.append(line)
        return bool(data)

    def find(self, begin=0, **fields):
        """The events so far that have these fields; None: that do not have them."""
        needles = [f'"{name}":{json.dumps(value, ensure_ascii=False)}'.encode() for name, value in fields.items()
                   if value is not None]
        lines = [line for line in self.lines[begin:] if all(n in line for n in needles)]
        events = [event for event in map(parse_line, lines) if pick(event, fields) == fields]
        for event in events:
            check_event(event)
        return events

    def wait_for(self, count=1, **fields):
        """The first event (or the first `count`) that has these fields, as soon as it is there."""
        end = time.monotonic() + TIMEOUT
        found, begin = [], 0
        while True:
            late = self.process.poll() is not None or time.monotonic() > end
            self._read()
            found += self.find(begin, **fields)
            begin = len(self.lines)
            if len(found) >= count:
                return found[0] if count == 1 else found[:count]
            assert not late, f'no such event: {fields}{self._story(fields)}'
            time.sleep(0.005)

    def _story(self, fields):
        """For the message of a failure: what there is about that socket, or of that kind."""
        about = {name: fields[name] for name in ('id', 'rport', 'lport', 'pid', 'event')
                 if name in fields}
        name, value = next(iter(about.items()))
        lines = map(json.dumps, self.find(**{name: value})[-20:])
        return f'\nof {len(self.lines)} events, with {name} {value}:\n' + '\n'.join(lines)

    def history(self, socket_id, *fields):
        """What was told of one socket, in order: kinds of event, or the values of these fields."""
        self._read()
        events = [event for event in self.find(id=socket_id) if event['event'] != 'state']
        if not fields:
            return [event['event'] for event in events]
        return [tuple(event.get(name) for name in ('event', *fields)) for event in events]

    def stop(self, how=signal.SIGINT, status=0):
        """End the trace by a signal. The stream is checked as a whole."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait(status)

    def wait(self, status=0):
        """Wait until it ends by itself. The stream is checked as a whole."""
        try:
            self.process.wait(TIMEOUT)
        finally:
            self.kill()
        assert self.process.returncode == status, self.stderr
        if self._json and self.summary is None:
            while self._read():
                pass
            assert self._offset == os.fstat(self._out.fileno()).st_size, 'half a line at the end'
            assert self.lines, 'an empty stream'
            self.summary = parse_line(self.lines.pop())
            check_event(self.summary)
            assert self.summary['event'] == 'summary', 'no summary at the end'
            check_stream(self.lines, self.summary, self._whole)
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    # What this trace's hooks cannot do, as it says itself: see the table in src/hooks.c.

    def ways(self):
        """How it has each hook: {hook: what it attaches to}."""
        return dict(re.findall(r'(?:debug|warning): ([a-z-]+) by ([^:\n]*)', self.stderr))

    def weakness(self, hook):
        found = re.search(rf'(?:debug|warning): {hook} by [^:\n]*: (.*)', self.stderr)
        return found.group(1) if found else ''

    def lacks(self, hook):
        return f'no hook for {hook} ' in self.stderr

    @property
    def abilities(self):
        return Abilities(self)


# The one place where the backends differ: the hook that an ability needs, and what of the words that
# connsnoop says of that hook takes it away; None: only that there is no such hook.
ABILITIES = {
    'connect before its outcome': ('tcp-connect', 'together with its outcome'),
    'fail before the SYN': ('tcp-connect-return', None),
    'accept': ('tcp-accept', None),
    'accept that waited': ('tcp-accept', 'waited before the trace'),
    'listen without bind': ('tcp-listen', 'port that it chooses is missing'),
    'state LISTEN': ('tcp-state', 'no change to LISTEN'),
    'udp sent': ('udp-send', None),
    'udp not sent': ('udp-send', 'could not be sent'),
    'udp received': ('udp-receive', None),
    'udp reader': ('udp-receive', 'reader is not known'),
    'udp bind': ('udp-bind', None),
}


class Abilities:
    """`abilities['accept']`; what is asked for and not there is noted for the table of cases."""

    weaker = []  # since the test began: conftest.py

    def __init__(self, trace):
        self.trace = trace

    def __getitem__(self, name):
        hook, words = ABILITIES[name]
        if words is None:
            missing = f'no hook for {hook}' if self.trace.lacks(hook) else ''
        else:
            said = self.trace.weakness(hook)
            missing = f'{hook}: {said}' if words in said else ''
        if missing:
            self.weaker.append(missing)
        return not missing
