"""`connsnoop list` beside ss and netstat: many established sockets over many processes, in this namespace."""
import contextlib
import ctypes
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

from machine import CONNSNOOP

SOCKETS, PROCESSES = 100_000, 200
PORT = 9000
PR_SET_PDEATHSIG = 1
COMMANDS = {
    'connsnoop list -n': [CONNSNOOP, 'list', '-n', '--netns', '/proc/self/ns/net', '-t'],
    'connsnoop list -n -j': [CONNSNOOP, 'list', '-n', '-j', '--netns', '/proc/self/ns/net', '-t'],
    'connsnoop list -n, all namespaces': [CONNSNOOP, 'list', '-n'],
    'ss -tunap': ['ss', '-tunap'],
    'netstat -tunap': ['netstat', '-tunap'],
}


def hold(number, count, tell):
    """Both ends of so many sockets' connections, for good."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    address = f'127.1.{number // 250}.{number % 250 + 1}', PORT  # by its own, so that no port runs out
    listener = socket.create_server(address, backlog=1024)
    kept = []
    for _ in range(count // 2):
        kept += [socket.create_connection(address), listener.accept()[0]]
    os.write(tell, b'x')
    while True:
        signal.pause()


@contextlib.contextmanager
def sockets(count, processes):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ready, tell = os.pipe()
    pids = []
    try:
        for number in range(processes):
            pids.append(os.fork())
            if not pids[-1]:
                try:
                    hold(number, count // processes, tell)
                finally:
                    os._exit(1)
        os.close(tell)
        told = 0
        while told < processes:
            part = os.read(ready, processes)
            if not part:
                sys.exit('bench/run: not all sockets could be made')
            told += len(part)
        yield
    finally:
        for pid in filter(None, pids):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(ready)


def once(command, work):
    """Seconds by the clock and of CPU, and the established sockets told."""
    path = work / 'sockets'
    with open(path, 'wb') as out:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f'bench/run: {" ".join(command)}: status {process.returncode}')
    with open(path, 'rb') as lines:
        seen = sum(b'ESTAB' in line for line in lines)
    return {'seconds': seconds, 'cpu': used.ru_utime + used.ru_stime, 'seen': seen}


def list_sockets(_seconds, rounds, work):
    runs = {name: [] for name in COMMANDS}
    with sockets(SOCKETS, PROCESSES):
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                runs[name].append(once(command, work))
        for name, found in runs.items():
            middle = {key: statistics.median(run[key] for run in found) for key in found[0]}
            print(f'  {name}: {middle["seconds"]:.2f} s, CPU {middle["cpu"]:.2f} s, '
                  f'{middle["seen"]:.0f} sockets', flush=True)
    return {'list': runs, 'sockets': SOCKETS, 'processes': PROCESSES}
