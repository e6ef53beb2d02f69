"""The machine: a quiet namespace to measure in, and what the results depend on."""
import datetime
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = (ROOT / os.environ.get('OUT', 'build')).resolve()
CONNSNOOP = str(OUT / 'connsnoop')
BENCH = OUT / 'bench'
ENTERED = 'CONNSNOOP_BENCH_NAMESPACE'
os.environ['PATH'] += ':/usr/sbin:/sbin'  # where bpftool and the tracers of others are
TRACEFS = '/sys/kernel/tracing'

# More of TIME-WAIT than the load leaves, for beyond that a connection ends in another way.
SYSCTLS = {'net/ipv4/tcp_max_tw_buckets': '2000000'}


def enter_namespace():
    """Go on in network and mount namespaces of our own, which end with us: this returns within them."""
    if os.geteuid():
        sys.exit('bench/run: must be run by root')
    if ENTERED not in os.environ:
        os.environ[ENTERED] = '1'
        os.execvp('unshare', ['unshare', '--net', '--mount', '--', sys.executable, *sys.argv])
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    # A filter that lets the load in must let our own connections in (measure.warm_up).
    pathlib.Path('/proc/self/comm').write_text('load')
    for name, value in SYSCTLS.items():
        pathlib.Path('/proc/sys', name).write_text(value)
    if not os.path.exists(f'{TRACEFS}/events'):
        subprocess.run(['mount', '-t', 'tracefs', 'tracefs', TRACEFS], check=False)


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found[1].strip() if found else '?'


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip()


def package(program):
    """Name and version of the Debian package that a program is from."""
    path = output('which', program)
    for candidate in (path, os.path.realpath(path), path.replace('/usr', '', 1)):
        found = output('dpkg-query', '-S', candidate)
        if path and found:
            return output('dpkg-query', '-W', '-f', '${Package} ${Version}', found.split(':')[0])
    return program


def describe():
    meminfo = pathlib.Path('/proc/meminfo').read_text()
    vm = os.environ.get('CONNSNOOP_VM')
    return {
        'kernel': os.uname().release,
        'emulated': bool(vm),
        'cpus': os.cpu_count(),
        'cpu': first(r'^model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text()),
        'memory_gib': round(int(first(r'^MemTotal: *(\d+)', meminfo)) / 2 ** 20),
        'date': datetime.date.today().isoformat(),
        'connsnoop': output(CONNSNOOP, '--version'),
        'commit': output('git', 'log', '-1', '--format=%h') or '?',
    }


def memory_available():
    """In bytes."""
    return int(first(r'^MemAvailable: *(\d+)', pathlib.Path('/proc/meminfo').read_text())) * 1024
