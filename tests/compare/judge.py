"""What a tool printed of a case, held against what is true.

Verdicts: `right`; `wrong`: a line says what is not so; `part`: what it says is true, but something that
the tool is there to say is missing, or the opposite would look the same; `silent`: it says nothing of
what it is there to say; `-`: there was nothing for it to say, and it said nothing.
"""
import collections

KB_STEP = 0.01  # tcplife prints so many KB at least

Verdict = collections.namedtuple('Verdict', 'word why')


class Judgement:
    """Lines taken one by one by what they should say; what is left over, or never came, is a fault."""

    def __init__(self, lines, parse):
        self.rows = [(line, parse(line)) for line in lines]
        self.faults, self.missing, self.found = [], [], 0

    def take(self, *fits):
        """The first row that satisfies all conditions; of the conditions the last are given up first."""
        for n in range(len(fits), 0, -1):
            for i, (_, row) in enumerate(self.rows):
                if all(fit(row) for fit in fits[:n]):
                    self.found += 1
                    return self.rows.pop(i)[1]
        return None

    def expect(self, what, wanted, *fits):
        """A row that has these values; the conditions say which one is meant."""
        row = self.take(*fits)
        if row is None:
            self.missing.append(f'no {what}')
            return None
        for name, allowed in wanted.items():
            if row[name] not in allowed:
                self.faults.append(f'{what}: {name} is {show(row[name])}, not {show(allowed[0])}')
        return row

    def verdict(self):
        faults = self.faults + [f'there was no such thing: `{line}`' for line, _ in self.rows]
        if faults:
            return Verdict('wrong', faults + self.missing)
        if self.missing:
            return Verdict('part' if self.found else 'silent', self.missing)
        return Verdict('right' if self.found else '-', [])


def show(value):
    if isinstance(value, (tuple, list)):
        return ' '.join(map(str, value))
    return 'absent' if value in (None, '') else str(value)


def plain(address):
    return address[7:] if address.startswith('::ffff:') else address


def place(address, port):
    return plain(address), int(port)


def ends(case):
    for end in case['ends']:
        for name in 'local', 'remote', 'owner', 'closer':
            end[name] = tuple(end[name]) if end[name] else None
        yield end


def same_ends(end):
    return lambda row: (row['local'], row['remote']) == (end['local'], end['remote'])


def is_kind(kind):
    return lambda row: row['event'] == kind


def one_of(name, allowed):
    return lambda row: row[name] in allowed


# --- tcplife: one line when an end of a session closes ------------------------------------------

def parse_tcplife(line):
    pid, comm, laddr, lport, raddr, rport, tx, rx, _ = line.split()
    return {'process': (int(pid), comm), 'local': place(laddr, lport), 'remote': place(raddr, rport),
            'KB': (float(tx), float(rx))}


def judge_tcplife(case):
    """"Sessions that open and close while tracing": of older ones and failures nothing is due."""
    judgement = Judgement(case['lines']['tcplife'], parse_tcplife)
    for end in ends(case):
        if end['error'] or end['old']:
            continue
        # of a connection that changed hands either process is a right answer
        who = [end['owner'], *filter(None, [end['closer']])]
        what = f'line of the {end["name"]}\'s end'
        row = judgement.expect(what, {'process': who}, same_ends(end), one_of('process', who))
        if row and any(abs(kb - n / 1024) > KB_STEP for kb, n in zip(row['KB'], (end['tx'], end['rx']))):
            judgement.faults.append(f'{what}: KB are {show(row["KB"])}, bytes {end["tx"]} {end["rx"]}')
    return judgement.verdict()


# --- tcptracer: connect, accept and close of established connections -----------------------------

def parse_tcptracer(line):
    kind, pid, comm, _, saddr, daddr, sport, dport = line.split()
    return {'event': kind, 'process': (int(pid), comm), 'local': place(saddr, sport),
            'remote': place(daddr, dport)}


def judge_tcptracer(case):
    judgement = Judgement(case['lines']['tcptracer'], parse_tcptracer)
    for end in ends(case):
        if end['error']:
            continue
        begin = {'connect': 'C', 'accept': 'A', 'queue': None}[end['how']]
        if begin and (not end['old'] or end['accepted_late']):
            expect_tcptracer(judgement, begin, end, end['owner'])
        # nobody has a connection that nobody accepted; older ones it does not promise
        closer = end['closer'] or end['owner']
        if end['how'] == 'queue' or end['old']:
            judgement.take(lambda row, end=end, closer=closer: row['event'] == 'X' and
                           row['process'] == closer and same_ends(end)(row))
        else:
            expect_tcptracer(judgement, 'X', end, closer)
    return judgement.verdict()


def expect_tcptracer(judgement, kind, end, who):
    def is_it(row):
        return row['event'] == kind and same_ends(end)(row)
    judgement.expect(f'{kind} of the {end["name"]}\'s end', {'process': [who]}, is_it,
                     one_of('process', [who]))


# --- tcpconnect: "all connection attempts are traced, even if they ultimately fail" --------------

def parse_tcpconnect(line):
    pid, comm, _, saddr, daddr, dport = line.split()
    return {'process': (int(pid), comm), 'saddr': plain(saddr), 'remote': place(daddr, dport)}


def judge_tcpconnect(case):
    judgement = Judgement(case['lines']['tcpconnect'], parse_tcpconnect)
    for end in ends(case):
        if end['how'] != 'connect' or end['old']:
            continue
        row = judgement.expect('line of the connect()',
                               {'process': [end['owner']], 'saddr': [end['local'][0]]},
                               one_of('remote', [end['remote']]), one_of('process', [end['owner']]))
        if row and end['error']:
            judgement.missing.append(f'no sign of {end["error"]}: the line of a success is the same')
    return judgement.verdict()


# --- connsnoop ------------------------------------------------------------------------------------

ATTR = {'connect': 'connect', 'accept': 'accept', 'queue': 'listener'}


def parse_connsnoop(line):
    (event, attr, pid, comm, laddr, lport, raddr, rport, error, phase, reason, tx, rx, closer_pid,
     closer_comm) = (None if word == '-' else word for word in line.split())
    return {'event': event, 'attr': attr, 'process': pid and (int(pid), comm),
            'local': place(laddr, lport) if laddr else None, 'remote': place(raddr, rport),
            'error': error, 'phase': phase, 'reason': reason, 'bytes': tx and (int(tx), int(rx)),
            'closer': closer_pid and (int(closer_pid), closer_comm)}


def judge_connsnoop(case):
    judgement = Judgement(case['lines']['connsnoop'], parse_connsnoop)
    for end in ends(case):
        for kind, wanted in due_of_connsnoop(end).items():
            expect_connsnoop(judgement, kind, end, wanted)
    return judgement.verdict()


def due_of_connsnoop(end):
    close = {'reason': end['reason'], 'bytes': [(end['tx'], end['rx'])], 'closer': [end['closer']]}
    fail = {'error': [end['error']], 'phase': [end['phase']]}
    if end['error']:
        return ({} if end['phase'] == 'local' else {'connect': {}}) | {'fail': fail}
    if end['old'] and not end['accepted_late'] or end['how'] == 'queue':
        return {'close': close}
    opening = {'connect': {}, 'established': {}} if end['how'] == 'connect' else {'accept': {}}
    return opening | {'close': close}


def expect_connsnoop(judgement, kind, end, wanted):
    def is_it(row):
        # the local port of an attempt that has failed is not known here
        local = bool(end['error'] and not end['local'][1]) or row['local'] == end['local']
        return row['event'] == kind and local and row['remote'] == end['remote']
    what = f'{kind} of the {end["name"]}\'s end'
    owner = {'process': [end['owner'], None], 'attr': [ATTR[end['how']], 'scan', 'none']}
    if 'closer' in wanted:  # told where it is not the owner, known or not
        wanted = wanted | {'closer': [*wanted['closer'], end['owner']]}
    row = judgement.expect(what, owner | wanted, is_it, one_of('process', [end['owner']]))
    if row and row['process'] is None:
        judgement.missing.append(f'no owner in the {what}')
    elif row and row['closer'] == row['process']:
        judgement.faults.append(f'{what}: the closer is the owner')


JUDGES = {'tcplife': judge_tcplife, 'tcptracer': judge_tcptracer, 'tcpconnect': judge_tcpconnect,
          'connsnoop': judge_connsnoop}


def judge(case):
    return {tool: judge_one(case) for tool, judge_one in JUDGES.items()}
