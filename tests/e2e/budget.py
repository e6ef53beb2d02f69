#!/usr/bin/python3
"""What each program gives the verifier to do: measured, and as it is committed in tests/budget.

    tests/e2e/budget.py BACKEND...     measure them on this kernel, and print the rows of its file

A row is a backend, a kind of trace, a program, the instructions that the verifier has gone through (0: this kernel
does not say, before 5.16) and the bytes of the program that is left.
"""
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get('CONNSNOOP', str(ROOT / 'build/connsnoop'))
DIRECTORY = ROOT / 'tests/budget'
KERNEL = os.environ.get('CONNSNOOP_VM') or '.'.join(platform.release().split('.')[:2])

FILTERS = ['-p', '1', '-c', 'x', '--user', 'root', '--cgroup', '/', '--netns', '/proc/self/ns/net', '-P', '80', '-A', '10.0.0.0/8',
           '--class', 'private', '--in']
# The start that most people wait for; and all that can be asked for at once, with a program to run.
TRACES = {
    'default': ['-d', '0.001'],
    'all': ['--existing', '--datagrams', '--states', *FILTERS, '--', 'true'],
}
# What no backend changes.
ANY = 'any'
LISTS = {'list': ['-a', '-n', *FILTERS]}


def measure(backend, trace):
    """{program: (instructions verified, bytes)}"""
    what = ['list', *LISTS[trace]] if backend == ANY else ['trace', '--backend', backend, *TRACES[trace]]
    done = subprocess.run([BINARY, *what[:1], '-v', '-o', '/dev/null', *what[1:]], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    found = re.findall(r'debug: program (\w+): (\d+) instructions verified, (\d+) bytes', done.stderr.decode())
    return {program: (int(verified), int(size)) for program, verified, size in found}


def read(backend, trace):
    """The same, as it is committed for this kernel; None: there is nothing."""
    path = DIRECTORY / KERNEL
    if not path.exists():
        return None
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith('#')]
    return {row[2]: (int(row[3]), int(row[4])) for row in rows if row[:2] == [backend, trace]}


def main():
    print('# backend trace program instructions-verified bytes-translated; renewed by make budget')
    for backend in [ANY, *sys.argv[1:]]:
        for trace in LISTS if backend == ANY else TRACES:
            for program, numbers in sorted(measure(backend, trace).items()):
                print(backend, trace, program, *numbers)


if __name__ == '__main__':
    main()
