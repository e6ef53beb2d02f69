"""A real container: podman's, of a root file system with busybox alone, in the network namespace of the test."""
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from sockets import TIMEOUT, cgroup2_root, listen_on, port_of, wait_until

CONF = '''[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "{runtime}"
tmp_dir = "{directory}/tmp"
[containers]
default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]
'''
PARENT = 'libpod_parent'  # podman leaves it


def controllers():
    """Where each hierarchy of cgroups is mounted."""
    with open('/proc/self/mounts') as f:
        return [path for _, path, kind, *_ in map(str.split, f) if kind in ('cgroup', 'cgroup2')]


class Podman:
    def __init__(self, directory, runtime):
        self.directory = directory
        (directory / 'containers.conf').write_text(CONF.format(runtime=runtime, directory=directory))
        self.environ = {**os.environ, 'CONTAINERS_CONF': str(directory / 'containers.conf')}
        self.before = {path for path in controllers() if os.path.exists(f'{path}/{PARENT}')}

    def __call__(self, *args):
        return subprocess.run(
            ['podman', '--root', str(self.directory / 'root'), '--runroot', str(self.directory / 'run'),
             '--storage-driver', 'vfs', *args], env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=4 * TIMEOUT, check=False)

    def make_image(self):
        files = self.directory / 'files'
        (files / 'bin').mkdir(parents=True)
        shutil.copy(shutil.which('busybox'), files / 'bin/busybox')
        subprocess.run(['tar', '-C', str(files), '-cf', str(self.directory / 'image.tar'), '.'], check=True)
        done = self('import', str(self.directory / 'image.tar'), 'e2e')
        return done.returncode, done.stdout.decode(errors='replace')

    def run(self, *command):
        return self('run', '--rm', '--net=host', '--cidfile', str(self.directory / 'id'), 'e2e', 'busybox', *command)

    def close(self):
        for path in controllers():
            if path in self.before:
                continue
            # its monitor takes a moment to end
            wait_until(lambda top=f'{path}/{PARENT}': self.removed(top), "the end of podman's cgroups")

    @staticmethod
    def removed(top):
        for at, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(at)
        return not os.path.exists(top)


@pytest.fixture
def podman():
    if not cgroup2_root():
        pytest.skip('no cgroup v2 here')
    for program in 'podman', 'busybox':
        if not shutil.which(program):
            pytest.skip(f'no {program}')
    why = 'no runtime for podman'
    for runtime in filter(shutil.which, ('crun', 'runc')):
        directory = Path(tempfile.mkdtemp(prefix='e2e-'))  # podman allows no long path
        one = Podman(directory, runtime)
        try:
            status, why = one.make_image()
            if not status:
                done = one.run('true')
                status, why = done.returncode, done.stdout.decode(errors='replace')
            if not status:
                os.unlink(directory / 'id')
                yield one
                return
        finally:
            one.close()
            shutil.rmtree(directory)
    pytest.skip(f'podman runs no container here: {why.strip().splitlines()[-1]}')


@pytest.mark.case('names', 'container, pod and unit by the cgroup')
def test_container(tracer, netns, podman):
    """One that has ended and been removed before anybody reads of its connection."""
    trace = tracer('--latency', '1000')
    with netns, listen_on() as listener:
        done = podman.run('nc', '-w', '5', '127.0.0.1', str(port_of(listener)), '-e', 'true')
        assert done.returncode == 0, done.stdout
        one = (podman.directory / 'id').read_text()
        event = trace.wait_for(event='connect', rport=port_of(listener), netns=netns.inode)
    assert not os.path.exists(cgroup2_root() + event['cgroup'])
    for kind in 'connect', 'established', 'close':
        trace.wait_for(event=kind, id=event['id'], container=one, runtime='podman', comm='busybox')
    trace.stop()
