#!/usr/bin/python3
"""Run the tools side by side, make the cases, and keep what is true and what each tool printed.

    drive.py CONNSNOOP RESULT

Between two cases there is a marker: a connection that every tool is known to report. What a tool
prints between two markers belongs to the case. That holds on one CPU, where the tools' buffers are
in the order of events; so it runs in the virtual machine, with no other traffic.
"""
import inspect
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

import cases  # noqa: E402
from links import DRIVER, settled  # noqa: E402
from sockets import START_TIMEOUT, Pair, set_comm  # noqa: E402
from tools import TOOLS, Tool, wait_for_all  # noqa: E402

MARKER = '127.9.9.9'
FIRST_PORT = 20001
PROBE_SECONDS = 2  # until the next marker, if a tool has not told all of one


class Markers:
    """Connections whose port, which is all tcpconnect tells of them, is each used once."""

    def __init__(self, tools):
        self.tools, self.port = tools, FIRST_PORT

    def _next(self):
        pair = Pair(MARKER, port=self.port)
        pair.close('client')
        self.port += 1
        return wait_for_all(self.tools, str(self.port - 1), PROBE_SECONDS)

    def wait(self, when):
        """Make markers until all tools have told of one: they may be starting, and may lose a line."""
        for _ in range(START_TIMEOUT // PROBE_SECONDS):
            if self._next():
                return
        silent = (tool for tool in self.tools if not tool.has_told(str(self.port - 1)))
        sys.exit(f'{when}: no marker from '
                 + '\n'.join('\n'.join([tool.name, *tool.lines()[-20:]]) for tool in silent))


def run_case(case, waiting, tools, markers):
    before = {tool.name: len(tool.lines()) for tool in tools}
    ends = next(waiting) if waiting else case()
    settled(ends)
    markers.wait(f'after {case.__name__}')
    told = {tool.name: [line for line in tool.lines()[before[tool.name]:] if MARKER not in line.split()]
            for tool in tools}
    return {'name': case.__name__, 'title': cases.title(case), 'ends': [end.row() for end in ends],
            'lines': told}


def version(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main():
    connsnoop, result = sys.argv[1:]
    if os.cpu_count() != 1:
        sys.exit('drive.py: with more than one CPU the lines are not in the order of events')
    set_comm(DRIVER.encode())
    early = {case: case() for case in cases.CASES if inspect.isgeneratorfunction(case)}
    for waiting in early.values():
        next(waiting)
    tools = [Tool(name, connsnoop) for name in TOOLS]
    try:
        markers = Markers(tools)
        markers.wait('at the start')
        done = [run_case(case, early.get(case), tools, markers) for case in cases.CASES
                if case not in cases.NEEDS or cases.NEEDS[case]()]
        heads = {tool.name: next(line for line in tool.lines() if 'PID' in line) for tool in tools}
    finally:
        for tool in tools:
            tool.end()
        for waiting in early.values():
            waiting.close()
    versions = {'kernel': os.uname().release, 'connsnoop': version(connsnoop, '--version'),
                'package': version('dpkg-query', '-W', '-f', '${source:Package} ${Version}',
                                   'libbpf-tools')}
    pathlib.Path(result).write_text(json.dumps(
        {'versions': versions, 'command': tools[-1].command, 'heads': heads, 'cases': done}, indent=1))


if __name__ == '__main__':
    main()
