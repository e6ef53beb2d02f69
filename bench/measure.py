"""Measuring: runs of the load, and a running tracer with what it costs and has told."""
import contextlib
import ctypes
import json
import mmap
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from machine import BENCH
from tracers import NOBODYS_PORT

LOAD = str(BENCH / 'load')
# 127.NET.0.0/16: what is counted, and what is not. Tracers see all namespaces, so two that measure differ.
NETS = {name: 16 + 3 * (os.getpid() % 70) + i for i, name in enumerate(('load', 'hold', 'warm'))}
START_SECONDS = 120 if 'CONNSNOOP_VM' in os.environ else 20
SETTLE_SECONDS = 20
STEP_SECONDS = 0.1
QUIET_NS = 500_000  # of CPU time in a step: it has nothing left to do
WARM_CONNECTIONS = 100  # whose lines fill a block of stdio
PCAP_FILE_HEADER, PCAP_HEADER = 24, 16
SYS_BPF = {'x86_64': 321, 'aarch64': 280}
BPF_ENABLE_STATS = 32


class Failed(Exception):
    """A tracer cannot be measured; says why."""


# --- the load -----------------------------------------------------------------------------------

def parse(line):
    found = dict(word.split('=', 1) for word in line.split())
    return {name: float(value) if re.fullmatch(r'[\d.]+', value) else value for name, value in found.items()}


def start_load(*args, net='load'):
    return subprocess.Popen([LOAD, *args, '-a', str(NETS[net])], stdout=subprocess.PIPE, stdin=subprocess.PIPE,
                            text=True)


def result(process):
    line, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f'bench/run: {" ".join(process.args)} failed, with status {process.returncode}')
    return parse(line)


def load(*args, net='load'):
    return result(start_load(*args, net=net))


def warm_up():
    """Connections of our own, to a port that the load does not use: also who leaves the load out tells of them."""
    address = (f'127.{NETS["warm"]}.0.1', int(NOBODYS_PORT))
    with socket.create_server(address) as server:
        for _ in range(WARM_CONNECTIONS):
            with socket.create_connection(address) as client, server.accept()[0] as peer:
                client.sendall(b'x')
                peer.recv(1)


@contextlib.contextmanager
def holding(count):
    """Meanwhile so many connections are open."""
    process = start_load('hold', '-n', str(count), net='hold')
    line = process.stdout.readline()
    if not line:
        result(process)
    try:
        yield parse(line)
    finally:
        process.communicate()


# --- what a process costs -----------------------------------------------------------------------

def family(leader):
    """The processes of a session."""
    found = []
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(')')[2].split()[3]) == leader:
                found.append(int(stat.parent.name))
    return found


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for path in pathlib.Path(f'/proc/{pid}/task').glob('*/schedstat'):
            with contextlib.suppress(OSError):
                total += int(path.read_text().split()[0])
    return total


def memory_kib(pids):
    """Largest and present size, without the mapped ring and perf buffers, and these."""
    found = {'hwm': 0, 'rss': 0, 'buffers': 0}
    for pid in pids:
        with contextlib.suppress(OSError):
            status = pathlib.Path(f'/proc/{pid}/status').read_text()
            for key, name in (('hwm', 'VmHWM'), ('rss', 'VmRSS')):
                found[key] += int(re.search(rf'^{name}:\s*(\d+)', status, re.M)[1])
            maps = pathlib.Path(f'/proc/{pid}/smaps').read_text()
            found['buffers'] += sum(map(int, re.findall(
                r'anon_inode:(?:bpf-map|\[perf_event\]).*\n(?:[A-Z]\w+:.*\n)*?Rss:\s*(\d+)', maps)))
    return {**found, 'hwm': found['hwm'] - found['buffers'], 'rss': found['rss'] - found['buffers']}


def voluntary_switches(pids):
    return sum(int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', path.read_text(), re.M)[1])
               for pid in pids for path in pathlib.Path(f'/proc/{pid}/task').glob('*/status'))


# --- BPF programs -------------------------------------------------------------------------------

@contextlib.contextmanager
def bpf_stats():
    """The kernel measures BPF programs as long as a descriptor is open: so it stops even if we are killed."""
    attr = ctypes.create_string_buffer(128)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF[os.uname().machine], BPF_ENABLE_STATS, attr, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'BPF_ENABLE_STATS')
    try:
        yield
    finally:
        os.close(fd)


def program_ids(pids):
    """The programs that these processes hold."""
    found = set()
    for pid in pids:
        for path in pathlib.Path(f'/proc/{pid}/fdinfo').iterdir():
            with contextlib.suppress(OSError):
                found |= set(map(int, re.findall(r'^prog_id:\s*(\d+)', path.read_text(), re.M)))
    return found


def programs(pids):
    """name -> (runs, ns) of each program."""
    ids, found = program_ids(pids), {}
    if not ids:
        return found
    done = subprocess.run(['bpftool', '-j', 'prog', 'show'], capture_output=True, check=True)
    for program in json.loads(done.stdout):
        if program['id'] in ids:
            name = program.get('name', str(program['id']))
            runs, ns = found.get(name, (0, 0))
            found[name] = (runs + program.get('run_cnt', 0), ns + program.get('run_time_ns', 0))
    return found


# --- a running tracer ---------------------------------------------------------------------------

def text_lines(path, needle, tracer):
    with open(path, 'rb') as lines:
        return sum(needle in line and tracer.counted in line
                   and not (tracer.uncounted and tracer.uncounted in line) for line in lines)


def packets(path, needle):
    """Packets of a capture between whole headers; the file may end within one."""
    found, at = 0, PCAP_FILE_HEADER
    if os.path.getsize(path) <= at:
        return 0
    with open(path, 'rb') as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while at + PCAP_HEADER <= len(data):
            size, = struct.unpack_from('<I', data, at + 8)
            found += needle in data[at + PCAP_HEADER:at + PCAP_HEADER + size]
            at += PCAP_HEADER + size
    return found


def prepare(tracer):
    for command in tracer.before:
        done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            clean_up(tracer)
            raise Failed(f'{" ".join(command)}: {done.stderr.splitlines()[0]}')


def clean_up(tracer):
    for command in tracer.after:
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def end(process):
    """It may still have to write what is in its buffers."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(SETTLE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Running:
    """A tracer that runs, and has begun to tell, within so many seconds. Raises Failed."""

    def __init__(self, tracer, work, patience=START_SECONDS):
        self.tracer = tracer
        self.out, self.errors = work / 'out', work / 'errors'
        prepare(tracer)
        self.out.write_bytes(b'')
        with open(self.errors, 'wb') as errors, open(self.out, 'wb') as out:
            to_file = '{out}' in tracer.argv
            self.process = subprocess.Popen(
                [arg.format(out=self.out) if arg == '{out}' else arg for arg in tracer.argv],
                stdin=subprocess.DEVNULL, stdout=errors if to_file else out, stderr=errors,
                start_new_session=True)
        try:
            self._wait_until_it_tells(patience)
        except BaseException:
            self.stop()
            raise
        self.pids = family(self.process.pid)

    def _wait_until_it_tells(self, patience):
        """Its output may be in blocks: only what it tells of the warm-up shows that it traces."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(self.last_words())
            warm_up()
            if self.seen('warm'):
                return
            time.sleep(0.02)
        raise Failed(f'told nothing of any connection in {patience:.0f} s')

    def last_words(self):
        words = self.errors.read_text(errors='replace').strip().splitlines()
        status = self.process.poll()
        ending = f'signal {-status}' if status and status < 0 else f'status {status}'
        return f'ended with {ending}' + (f': {words[-1]}' if words else '')

    def seen(self, net='load'):
        """Lines or packets so far that are of the load."""
        if self.tracer.pcap:
            return packets(self.out, bytes([127, NETS[net]]))
        return text_lines(self.out, f'127.{NETS[net]}.'.encode(), self.tracer)

    def settle(self):
        """Until it has done its work. Others' connections may keep it busy: not for ever."""
        time.sleep(self.tracer.rest_seconds)
        end = time.monotonic() + SETTLE_SECONDS
        before = cpu_ns(family(self.process.pid))
        while time.monotonic() < end:
            time.sleep(STEP_SECONDS)
            now = cpu_ns(family(self.process.pid))
            if now - before < QUIET_NS:
                return
            before = now

    def cpu_ns(self):
        return cpu_ns(self.pids)

    def memory(self):
        return memory_kib(self.pids)

    def programs(self):
        return programs(self.pids)

    def stop(self):
        end(self.process)
        clean_up(self.tracer)


@contextlib.contextmanager
def running(tracer, work, patience=START_SECONDS):
    tracing = Running(tracer, work, patience)
    try:
        yield tracing
    finally:
        tracing.stop()


def first_event_ms(tracer):
    """From the start to the first line of a connection, connections being made all the time."""
    prepare(tracer)
    needle = f'127.{NETS["warm"]}.'.encode()
    background = start_load('tcp', '-r', '1000', '-s', str(START_SECONDS), net='warm')
    time.sleep(STEP_SECONDS)
    began = time.monotonic()
    process = subprocess.Popen(tracer.live, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    guard = threading.Timer(START_SECONDS, process.kill)
    guard.start()
    try:
        for line in process.stdout:
            if needle in line:
                return (time.monotonic() - began) * 1000
        return None
    finally:
        guard.cancel()
        background.kill()
        background.communicate()
        process.stdout.close()
        end(process)
        clean_up(tracer)
