"""The tools: how each is started, what it says of a connection that all report, and how it is ended."""
import os
import signal
import subprocess
import tempfile
import time

from sockets import TIMEOUT

COLUMNS = ('event,attr,pid,comm,laddr,lport,raddr,rport,error,phase,reason,tx_bytes,rx_bytes,'
           'closer_pid,closer_comm')
EVENTS = 'connect,established,accept,fail,close'

# Name, command, and how many lines it prints of a connection between two ends on this machine.
TOOLS = {
    'tcplife': (['tcplife'], 2),  # each end, when it closes
    'tcptracer': (['tcptracer'], 4),  # connect, accept, two closes
    'tcpconnect': (['tcpconnect'], 1),
    'connsnoop': (['-t', '-e', EVENTS, '--columns', COLUMNS], 5),
}


class Tool:
    """A running tool and its lines so far."""

    def __init__(self, name, connsnoop):
        args, self.lines_of_marker = TOOLS[name]
        self.name = name
        self.command = [name, *args]
        command = [connsnoop, *args] if name == 'connsnoop' else ['stdbuf', '-oL', *args]
        self._out = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._out,
                                         stderr=subprocess.STDOUT)

    def lines(self):
        size = os.fstat(self._out.fileno()).st_size
        text = os.pread(self._out.fileno(), size, 0).decode(errors='replace')
        return [line.rstrip() for line in text[:text.rfind('\n') + 1].splitlines() if line.strip()]

    def has_told(self, marker):
        if self._process.poll() is not None:
            raise SystemExit(f'{self.name} has ended early:\n' + '\n'.join(self.lines()))
        return sum(marker in line.split() for line in self.lines()) >= self.lines_of_marker

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for_all(tools, marker, seconds):
    """Whether all tools tell of the marker in that time."""
    end = time.monotonic() + seconds
    while not all(tool.has_told(marker) for tool in tools):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
