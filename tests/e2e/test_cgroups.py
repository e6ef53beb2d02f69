"""The owner's cgroup, also when it is gone, and what its path names: container, pod, unit."""
import contextlib
import json
import os

import pytest

from rawbpf import RINGBUF, Map, map_ids_of
from sockets import (Cgroup, Process, cgroup2_root, cgroup_of, cookie, do_close, do_connect, do_listen, listen_on,
                     port_of, run, tcp_socket)
from test_cli import connsnoop
from tracing import pick

KINDS = 'connect', 'established', 'close'
ROUNDS = 200
ID = '0123456789abcdef' * 4
POD = '1234abcd-12ab-34cd-56ef-1234567890ab'
HOOK = 'cgroup-mkdir'


@pytest.fixture(autouse=True)
def with_cgroups():
    if not cgroup2_root():
        pytest.skip('no cgroup v2 here')


@pytest.fixture
def listener():
    with listen_on() as listener:
        yield listener


@contextlib.contextmanager
def nested(path):
    """A cgroup of several levels, all of them our own."""
    with contextlib.ExitStack() as stack:
        for i, c in enumerate(path):
            if c == '/' or i == len(path) - 1:
                group = Cgroup(path[:i] if c == '/' else path)
                stack.callback(group.close)
        yield group


@pytest.fixture
def ours():
    """The name of a cgroup that nobody else has."""
    return f'connsnoop-e2e-{os.getpid()}'


def connect_once(group, listener):
    """A process in that cgroup connects, closes and ends. Its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            group.enter()
            with tcp_socket() as s:
                s.connect(('127.0.0.1', port_of(listener)))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    listener.accept()[0].close()
    return pid


def test_cgroup(trace, listener, ours):
    with nested(ours) as group:
        with Process(b'in-a-cgroup', cgroup=group) as client:
            client_id, _ = client.call(do_connect, '127.0.0.1', port_of(listener))
            client.call(do_close, 'client')
            wanted = cgroup_of(client.pid)
    assert wanted.endswith(group.relative)
    listener.close()
    for kind in KINDS:
        event = trace.wait_for(event=kind, id=client_id)
        assert event['cgroup'] == wanted
        assert not {'container', 'runtime', 'pod', 'unit'} & event.keys()


@pytest.mark.case('names', 'cgroup that is removed before the line is printed')
def test_short_lived(tracer, listener, ours):
    """Made, entered by a process that connects and ends, and removed: the lines come long after."""
    trace = tracer('--latency', '1000')
    cgroups = {}
    for i in range(ROUNDS):
        with nested(f'{ours}-{i}/docker-{i:064x}.scope') as group:
            cgroups[connect_once(group, listener)] = group.relative, f'{i:064x}'
    for pid, (path, container) in cgroups.items():
        trace.wait_for(event='close', pid=pid)
        for kind in KINDS:
            event, = trace.find(event=kind, pid=pid)
            assert pick(event, ['cgroup', 'container']) == {'cgroup': path, 'container': container}
    trace.stop()


@pytest.mark.case('names', 'cgroup that is removed before the line is printed')
def test_older_than_the_trace(tracer, listener, ours):
    with contextlib.ExitStack() as groups:
        made = [groups.enter_context(nested(f'{ours}-{i}/a/b')) for i in range(20)]
        trace = tracer('--latency', '1000')
        pids = [connect_once(group, listener) for group in made]
    for pid, group in zip(pids, made):
        assert trace.wait_for(event='connect', pid=pid)['cgroup'] == group.relative


NAMES = {  # a path, and what is in it
    'docker': (f'docker/{ID}', 'docker', ID, None, None),
    'docker by systemd': (f'system.slice/docker-{ID}.scope', 'docker', ID, None, f'docker-{ID}.scope'),
    'containerd in a pod': (
        f'kubepods.slice/kubepods-pod{POD.replace("-", "_")}.slice/cri-containerd-{ID}.scope',
        'containerd', ID, POD, f'cri-containerd-{ID}.scope'),
    'pod by cgroupfs': (f'kubepods/besteffort/pod{POD}/{ID}', None, ID, POD, None),
    'podman': (f'machine.slice/libpod-{ID}.scope/container', 'podman', ID, None, f'libpod-{ID}.scope'),
    'conmon': (f'machine.slice/libpod-conmon-{ID}.scope', None, None, None, f'libpod-conmon-{ID}.scope'),
    'lxc': ('lxc.payload.web/system.slice/nginx.service', 'lxc', 'web', None, 'nginx.service'),
    'nspawn': ('machine.slice/machine-my\\x2dweb.scope', 'systemd-nspawn', 'my-web', None,
               'machine-my\\x2dweb.scope'),
    'user unit': ('user@1000.service/app.slice/a\\x2db.service', None, None, None, 'a\\x2db.service'),
}


@pytest.mark.case('names', 'container, pod and unit by the cgroup')
@pytest.mark.parametrize('name', NAMES)
def test_names(trace, listener, ours, name):
    path, runtime, container, pod, unit = NAMES[name]
    with nested(f'{ours}/{path}') as group:
        pid = connect_once(group, listener)
    wanted = {'cgroup': group.relative, 'runtime': runtime, 'container': container, 'pod': pod, 'unit': unit}
    assert pick(trace.wait_for(event='connect', pid=pid), wanted) == wanted


@pytest.mark.parametrize('size', [238, 239, 240, 241, 1022])
def test_long_path(tracer, listener, ours, size):
    """The kernel has records of two sizes for them."""
    path = f'{ours}/{"x" * 150}'
    while size - 1 - len(path) > 250:
        path += '/' + 'y' * 200
    path += '/' + 'z' * (size - 2 - len(path))
    trace = tracer('--latency', '1000')
    with nested(path) as group:
        pid = connect_once(group, listener)
    assert len(group.relative) == size
    assert trace.wait_for(event='connect', pid=pid)['cgroup'] == group.relative


def test_too_long_to_be_told(trace, listener, ours):
    """The kernel's tracepoint cuts it; while it is there, the whole path is found."""
    with nested('/'.join([ours, *(digit * 250 for digit in '01234')])) as group:
        assert len(group.relative) > 1024
        with Process(b'deep', cgroup=group) as client:
            client_id, _ = client.call(do_connect, '127.0.0.1', port_of(listener))
            assert trace.wait_for(event='connect', id=client_id)['cgroup'] == group.relative


def test_only_for_who_shows_it(tracer):
    for args, as_json, wanted in (
            ([], True, True), ([], False, False), (['--columns', 'event,exe,owner'], False, False),
            (['--columns', 'event,unit'], False, True)):
        trace = tracer(*args, json=as_json)
        assert (HOOK in trace.ways()) == wanted, args
        trace.stop()


def test_columns(tracer, listener, ours):
    trace = tracer('--columns', 'event,pid,runtime,unit', json=False)
    with nested(f'{ours}/docker-{ID}.scope') as group:
        pid = connect_once(group, listener)
    trace.stop()
    rows = [line.split() for line in trace.stdout.decode().splitlines()]
    assert ['connect', str(pid), 'docker', f'docker-{ID}.scope'] in rows, rows


@contextlib.contextmanager
def version_1(at):
    """A hierarchy of version 1, of ours alone."""
    try:
        run('mount', '-t', 'cgroup', '-o', f'none,name=connsnoop-e2e-{os.getpid()}', 'none', at)
    except AssertionError as error:
        pytest.skip(str(error))
    try:
        yield at
    finally:
        run('umount', at)


def make_and_remove(path):
    for _ in range(ROUNDS):
        os.mkdir(path)
        os.rmdir(path)


def test_version_1(tracer, ours, tmp_path):
    """Ids of its cgroups mean others here: they are not sent."""
    trace = tracer('-p', '1')
    maps = [Map(map_id) for map_id in map_ids_of(trace.process.pid)]
    buffer, = [one for one in maps if one.type == RINGBUF]
    with version_1(tmp_path) as at:
        begin = buffer.bytes_sent()
        make_and_remove(f'{at}/{ours}')
        between = buffer.bytes_sent()
        make_and_remove(f'{cgroup2_root()}/{ours}')
        end = buffer.bytes_sent()
    for one in maps:
        os.close(one.fd)
    assert end - between >= ROUNDS * 256, 'those of version 2 are sent'
    assert between - begin < ROUNDS * 256


@pytest.mark.parametrize('args', [['list', '-l'], ['ports']], ids=['list', 'ports'])
def test_while_it_is_there(ours, args):
    path, runtime, container, pod, unit = NAMES['containerd in a pod']
    with nested(f'{ours}/{path}') as group, Process(b'there', cgroup=group) as server:
        _, port = server.call(do_listen, '127.0.0.1')
        done = connsnoop(*args, '-j', '-p', str(server.pid))
    wanted = {'lport': port, 'cgroup': group.relative, 'runtime': runtime, 'container': container, 'pod': pod,
              'unit': unit}
    assert pick(json.loads(done.stdout.splitlines()[0]), wanted) == wanted
