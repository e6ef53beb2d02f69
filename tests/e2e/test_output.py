"""What the lines look like: text, columns, colours, names, files, hostile process names."""
import os
import re

import pytest

from sockets import Pair, Process, cookie, do_close, do_connect, listen_on, port_of, wait_until

DEFAULT_TITLES = ['TIME', 'EVENT', 'PROTO', 'PID', 'COMM', 'LOCAL', '<>', 'REMOTE', 'SERVICE', 'INFO']
ESC = '\x1b'


def text_of(tracer, *args, make=None):
    """What connsnoop prints as text of one connection (or of what `make` does)."""
    trace = tracer('-t', '-p', str(os.getpid()), *args, json=False)
    made = (make or one_connection)()
    wait_until(lambda: b'unlisten' in trace.stdout, 'unlisten')
    trace.stop()
    return trace.stdout.decode('utf-8'), made


def one_connection():
    pair = Pair()
    pair.exchange(b'x' * 1000, b'y')
    pair.close()
    return pair


@pytest.fixture(scope='module')
def plain():
    """The default text of one connection, and that connection."""
    from tracing import Trace
    trace = Trace('-t', '-p', str(os.getpid()), json=False)
    try:
        pair = one_connection()
        wait_until(lambda: b'unlisten' in trace.stdout, 'unlisten')
        trace.stop()
        yield trace.stdout.decode('utf-8'), pair
    finally:
        trace.kill()


def test_header_and_lines(plain):
    text, pair = plain
    header, *lines = text.splitlines()
    assert header.split() == DEFAULT_TITLES
    kinds = [line.split()[1] for line in lines]
    assert sorted(kinds) == sorted(['listen', 'connect', 'established', 'accept', 'close', 'close',
                                    'unlisten'])
    assert text.endswith('\n')
    for line in lines:
        assert re.match(r'\d\d:\d\d:\d\d\.\d{3} ', line)
        assert f' {os.getpid()} ' in line
    established = next(line for line in lines if ' established ' in line)
    assert re.search(rf'127\.0\.0\.1:{pair.client_port} +-> +127\.0\.0\.1:{pair.port} ', established)
    accept = next(line for line in lines if ' accept ' in line)
    assert re.search(rf'127\.0\.0\.1:{pair.port} +<- +127\.0\.0\.1:{pair.client_port} ', accept)


def test_columns_are_aligned(plain):
    """What fits its column stands under its title."""
    header, *lines = plain[0].splitlines()
    for title, words in ('EVENT', {'listen', 'connect', 'established', 'accept', 'close', 'unlisten'}), \
                        ('PROTO', {'tcp'}), ('<>', {'->', '<-', '-'}):
        column = header.index(title)
        for line in lines:
            assert line[column - 1] == ' ' and line[column:].split()[0] in words


def test_readable_at_120_columns(plain):
    assert max(map(len, plain[0].splitlines())) <= 120


def test_no_escapes_unless_on_a_terminal(plain):
    assert ESC not in plain[0]


def test_last_column_of_close(plain):
    """Bytes up and down, and the reason."""
    closes = [line for line in plain[0].splitlines() if ' close ' in line]
    assert any('local' in line and '1000' in line.replace('1.0K', '1000') for line in closes)
    assert any('remote' in line for line in closes)


def test_ipv6(tracer):
    def connect():
        pair = Pair('::1')
        pair.close()
        return pair
    text, pair = text_of(tracer, make=connect)
    assert f'[::1]:{pair.client_port} ' in text and f'[::1]:{pair.port} ' in text


def test_columns_option(tracer):
    text, pair = text_of(tracer, '--columns', 'event,lport,rport,comm')
    header, *lines = text.splitlines()
    assert header.split() == ['EVENT', 'LPORT', 'RPORT', 'COMM']
    established = next(line for line in lines if line.startswith('established'))
    assert established.split()[1:3] == [str(pair.client_port), str(pair.port)]


def test_no_header(tracer):
    text, _ = text_of(tracer, '--no-header')
    assert 'EVENT' not in text
    assert len(text.splitlines()) == 7


def test_color_always(tracer):
    text, _ = text_of(tracer, '--color', 'always')
    assert ESC in text
    for line in text.splitlines():  # each colour ends on its line
        codes = re.findall(r'\x1b\[[0-9;]*m', line)
        assert ESC not in re.sub(r'\x1b\[[0-9;]*m', '', line)
        assert not codes or codes[-1] in ('\x1b[0m', '\x1b[m')


def test_color_never(tracer):
    text, _ = text_of(tracer, '--color', 'never')
    assert ESC not in text


def at_8080(netns):
    def make():
        with netns:
            pair = Pair(port=8080)
        pair.close()
        return pair
    return make


def test_service_names_in_text(tracer, netns):
    text, _ = text_of(tracer, make=at_8080(netns))
    assert 'http-alt' in text


def test_numeric_text(tracer, netns):
    text, _ = text_of(tracer, '-n', make=at_8080(netns))
    assert 'http-alt' not in text and ':8080' in text


def test_numeric_json(tracer, netns):
    trace = tracer('-t', '-n')
    pair = at_8080(netns)()
    event = trace.wait_for(event='close', id=pair.client_id)
    trace.stop()
    assert not {'service', 'lservice', 'rservice', 'rname'} & event.keys()
    assert event['rport'] == 8080 and event['rclass'] == 'registered'


def test_output_file(tracer, tmp_path):
    path = tmp_path / 'a file'
    path.write_text('what was here before')
    trace = tracer('-t', '-o', str(path), json=False)
    pair = one_connection()
    wait_until(lambda: f':{pair.client_port} ' in path.read_text(), 'lines in the file')
    trace.stop()
    assert trace.stdout == b''
    assert path.read_text().split()[:2] == ['TIME', 'EVENT']


# --- process names that try to forge lines ------------------------------------------------------

HOSTILE = {
    'newline': (b'a\nconnect', 'a\nconnect', r'a\x0aconnect'),
    'escape': (b'\x1b[31mred', '\x1b[31mred', r'\x1b[31mred'),
    'quotes': (b'","pid":1,"', '","pid":1,"', '","pid":1,"'),
    'backslash': (b'a\\x0ab\\', 'a\\x0ab\\', None),
    'tab and delete': (b'\t\x7f\r', '\t\x7f\r', r'\x09\x7f\x0d'),
    'invalid utf-8': (b'a\xff\xfeb\xc3', None, None),
    'cut utf-8': ('äääääääääää'.encode(), None, None),
    'control of latin-1': ('x\u009b31m'.encode(), None, None),
    'overlong': (b'a\xc0\x8ab', None, None),
    'surrogate': (b'a\xed\xa0\x80b', None, None),
}


@pytest.fixture(scope='module')
def hostile():
    """Connections of processes with such names, traced as JSON and as text."""
    from tracing import Trace
    traces = [Trace('-t'), Trace('-t', '--columns', 'pid,event,comm,lport', json=False)]
    try:
        with listen_on() as listener:
            made = {}
            for name, (comm, _, _) in HOSTILE.items():
                with Process(comm) as client:
                    client_id, _ = client.call(do_connect, '127.0.0.1', port_of(listener))
                    client.call(do_close, 'client')
                    made[name] = client_id, client.pid
        for client_id, _ in made.values():
            traces[0].wait_for(event='close', id=client_id)
        for trace in traces:
            trace.stop()
        yield made, *traces
    finally:
        for trace in traces:
            trace.kill()


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_comm_in_json(hostile, name):
    made, trace, _ = hostile
    client_id, pid = made[name]
    events = trace.find(id=client_id)
    assert [event['event'] for event in events] == ['connect', 'established', 'close']
    for event in events:
        assert event['pid'] == pid
        assert HOSTILE[name][1] in (None, event['comm'])
    for line in trace.lines:
        assert all(byte >= 0x20 and byte != 0x7f for byte in line)


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_comm_in_text(hostile, name):
    made, _, trace = hostile
    _, pid = made[name]
    text = trace.stdout.decode('utf-8')
    assert not [char for char in text if char != '\n' and (ord(char) < 32 or 127 <= ord(char) < 160)]
    lines = [line for line in text.splitlines() if line.split()[0] == str(pid)]
    assert [line.split()[1] for line in lines] == ['connect', 'established', 'close']
    if HOSTILE[name][2]:
        assert all(HOSTILE[name][2] in line for line in lines)


def test_hostile_comm_makes_no_line(hostile):
    """Each line of the text belongs to an event of the stream."""
    _, json_trace, text_trace = hostile
    lines = text_trace.stdout.decode('utf-8').splitlines()[1:]
    known = {'connect', 'established', 'accept', 'close', 'fail', 'listen', 'unlisten'}
    assert {line.split()[1] for line in lines} <= known
    assert len(lines) >= len(HOSTILE) * 3


# --- when they come -----------------------------------------------------------------------------

@pytest.mark.parametrize('latency', ['0', '10', '60000'])
def test_latency(tracer, latency):
    """--latency 0 prints at once; with a long one the events come at the end at the latest."""
    trace = tracer('-t', '--latency', latency)
    with Pair() as pair:
        if latency != '60000':
            trace.wait_for(event='established', id=pair.client_id)
    trace.stop()
    assert trace.history(pair.client_id) == ['connect', 'established', 'close']
    assert trace.history(pair.server_id)[-1] == 'close'


def test_summary_is_the_only_line_without_events(tracer):
    trace = tracer('-t', '-p', '1')
    with Pair():
        pass
    trace.stop()
    assert [line for line in trace.lines if b'"pid":1,' not in line] == []
