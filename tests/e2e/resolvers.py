"""Real name servers, for one zone, in a network namespace of the test's own, and what clients need to ask them."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading

from nameserver import query
from sockets import Namespace, listen_on, port_of, run, udp_socket, wait_until

AUTHORITY, AUTHORITY6 = '127.0.0.2', '::1'  # unbound, which has the zone
BY_TCP = '127.0.0.51'  # unbound, which asks the authority by TCP alone
STUB = '127.0.0.52'  # dnsmasq, which asks that
RESOLVED = '127.0.0.53'  # systemd-resolved, which asks the authority
PREFIX6 = 'fd00:53::'
MANY = 64  # addresses of one name, and the most that are kept of an answer

# Of the first two kinds any name below will do, so that each test has its own.
ZONE = '\n'.join([
    '$ORIGIN example.', '$TTL 60',
    '@ SOA ns root 1 60 60 60 60', '@ NS ns', 'ns A 127.0.0.2',
    '*.plain A 127.0.1.1', f'*.six AAAA {PREFIX6}1',
    '*.alias CNAME cdn', 'cdn CNAME edge', 'edge A 127.0.1.2',
    '*.brief 0 A 127.0.1.3',
    'xn--bcher-kva A 127.0.1.4',
    'old DNAME new', 'shop.new A 127.0.1.5',
    'empty TXT nothing',
    *(f'*.wide A 127.0.2.{i}' for i in range(MANY)),
    *(f'*.wide6 AAAA {PREFIX6}2:{i:x}' for i in range(MANY)), ''])

UNBOUND = '''
server:
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  directory: "{directory}"
  module-config: "iterator"
  do-not-query-localhost: no
  access-control: ::/0 allow
  access-control: 0.0.0.0/0 allow
  so-reuseport: no
  edns-buffer-size: 4096
  max-udp-size: 4096
  qname-minimisation: no
{more}
remote-control:
  control-enable: no
'''
WITH_ZONE = '''
  interface: 127.0.0.2
  interface: ::1
  local-zone: "fails." refuse
auth-zone:
  name: "example."
  zonefile: "zone"
  fallback-enabled: no
  for-downstream: no
  for-upstream: yes
'''
FORWARDER = '''
  interface: 127.0.0.51
  tcp-upstream: yes
forward-zone:
  name: "."
  forward-addr: 127.0.0.2
'''
RESOLVED_CONF = '''[Resolve]
DNS=127.0.0.2
FallbackDNS=
LLMNR=no
MulticastDNS=no
DNSSEC=no
'''
# systemd-resolved wants a user of its own and /run/systemd/resolve; it gets them where nobody else sees them.
RESOLVED_RUN = '''
mount -t tmpfs none /run && mkdir -p /run/systemd/resolve /run/own &&
cp /etc/passwd /etc/group "$0/resolved.conf" /run/own &&
echo systemd-resolve:x:990:990::/:/usr/sbin/nologin >>/run/own/passwd &&
echo systemd-resolve:x:990: >>/run/own/group && chown 990:990 /run/systemd/resolve &&
mount --bind /run/own/passwd /etc/passwd && mount --bind /run/own/group /etc/group &&
mount --bind /run/own /etc/systemd && exec "$1"
'''


def resolved_binary():
    """systemd-resolved; $CONNSNOOP_RESOLVED says where, if it is not installed: that would change resolv.conf."""
    for path in os.environ.get('CONNSNOOP_RESOLVED'), '/usr/lib/systemd/systemd-resolved', \
            '/lib/systemd/systemd-resolved':
        if path and os.access(path, os.X_OK):
            return path
    return None


class Web:
    """Answers whoever connects, in the namespace, at all its addresses."""

    def __init__(self):
        self.listener = listen_on('::', backlog=128)
        self.port = port_of(self.listener)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn, contextlib.suppress(OSError):
                conn.sendall(b'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n')
                conn.shutdown(socket.SHUT_WR)
                while conn.recv(4096):
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class Resolvers:
    """The namespace and the servers in it."""

    def __init__(self, directory):
        self.directory = directory
        self.ns = Namespace()
        self.processes = []
        self.web = None
        try:
            with self.ns:
                run('ip', '-6', 'route', 'add', 'local', f'{PREFIX6}/64', 'dev', 'lo')
                # systemd-resolved takes a machine without a link for one without a network
                run('ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'two')
                run('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'one')
                for link in 'one', 'two':
                    run('ip', 'link', 'set', link, 'up')
                self.web = Web()
                self._start_all()
        except BaseException:
            self.close()
            raise

    def _start_all(self):
        (self.directory / 'zone').write_text(ZONE)
        for name, more in ('authority', WITH_ZONE), ('forwarder', FORWARDER):
            path = self.directory / f'{name}.conf'
            path.write_text(UNBOUND.format(directory=self.directory, more=more))
            self._start(['unbound', '-d', '-p', '-c', str(path)])
        for at in AUTHORITY, AUTHORITY6, BY_TCP:
            self._wait_for(at)
        if shutil.which('dnsmasq'):
            self._start(['dnsmasq', '-k', '-C', '/dev/null', f'--listen-address={STUB}', '--bind-interfaces', '-R', '-h',
                         '-S', BY_TCP, '--user=root', f'--pid-file={self.directory}/pid'])
            self._wait_for(STUB)
        if resolved_binary():
            (self.directory / 'resolved.conf').write_text(RESOLVED_CONF)
            self._start(['unshare', '-m', 'sh', '-c', RESOLVED_RUN, str(self.directory), resolved_binary()])
            self._wait_for(RESOLVED)

    def _start(self, command):
        log = open(self.directory / f'{os.path.basename(command[0])}.log', 'ab')
        with log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait_for(self, at, name='ns.example'):
        def answers():
            assert self.processes[-1].poll() is None, 'a name server has ended'
            with udp_socket(at) as sock, contextlib.suppress(OSError):
                sock.settimeout(0.5)
                sock.connect((at, 53))
                sock.send(query(name))
                return sock.recv(4096)[3] & 15 == 0
        wait_until(answers, f'a name server at {at}')

    @staticmethod
    def _end(process):
        process.kill()
        process.wait()

    def asking(self, server, *more):
        """Before a command: its /etc/resolv.conf names this server."""
        path = self.directory / f'resolv.{server}.{len(more)}'
        path.write_text('\n'.join([f'nameserver {server}', *more, '']))
        return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(path)]

    def close(self):
        while self.processes:
            self._end(self.processes.pop())
        if self.web:
            self.web.close()
        self.ns.close()
