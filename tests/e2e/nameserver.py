"""A name server of the test's own, and clients that write their own queries."""
import ipaddress
import socket
import threading

from sockets import family_of, receive_all, tcp_socket, udp_socket

A, CNAME, PTR, AAAA = 1, 5, 12, 28
RESPONSE, TRUNCATED = 0x8180, 0x8380
NO_SUCH_NAME = 0x8183


def wire_name(name):
    """'a.example', or a list of labels of any bytes, as DNS has it on the wire."""
    labels = name.encode().split(b'.') if isinstance(name, str) else name
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def record(owner, kind, ttl, data):
    return wire_name(owner) + kind.to_bytes(2, 'big') + b'\0\1' + ttl.to_bytes(4, 'big') + len(
        data).to_bytes(2, 'big') + data


def address(owner, value, ttl=60):
    value = ipaddress.ip_address(value)
    return record(owner, A if value.version == 4 else AAAA, ttl, value.packed)


def alias(owner, of, ttl=60):
    return record(owner, CNAME, ttl, wire_name(of))


def question(name, kind=A):
    return wire_name(name) + kind.to_bytes(2, 'big') + b'\0\1'


def query(name, kind=A, number=7):
    return number.to_bytes(2, 'big') + b'\1\0\0\1\0\0\0\0\0\0' + question(name, kind)


def answer(asked, records, number=7, flags=RESPONSE):
    return number.to_bytes(2, 'big') + flags.to_bytes(2, 'big') + b'\0\1' + len(
        records).to_bytes(2, 'big') + b'\0\0\0\0' + asked + b''.join(records)


def framed(message):
    return len(message).to_bytes(2, 'big') + message


class NameServer:
    """`zone`: name -> records, as bytes. What is in `only_tcp` is too large for UDP."""

    def __init__(self, at='127.0.0.1', zone=None, only_tcp=()):
        self.at = at
        self.zone = {wire_name(name): records for name, records in (zone or {}).items()}
        self.only_tcp = {wire_name(name) for name in only_tcp}
        self.udp = udp_socket(at, 53)
        self.tcp = tcp_socket(at)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((at, 53))
        self.tcp.listen(16)
        self.by_tcp = 0
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._run_udp, self._run_tcp)]
        for thread in self.threads:
            thread.start()

    def _reply(self, asked, tcp):
        name = asked[12:asked.index(b'\0', 12) + 1]
        kind = int.from_bytes(asked[12 + len(name):14 + len(name)], 'big')
        number, q = int.from_bytes(asked[:2], 'big'), asked[12:16 + len(name)]
        if name not in self.zone:
            return answer(q, [], number, NO_SUCH_NAME)
        if name in self.only_tcp and not tcp:
            return answer(q, [], number, TRUNCATED)
        return answer(q, [r for r in self.zone[name] if r[len(r) and self._kind_at(r):][:2] in (
            kind.to_bytes(2, 'big'), CNAME.to_bytes(2, 'big'))], number)

    @staticmethod
    def _kind_at(r):
        at = 0
        while r[at]:
            at += r[at] + 1
        return at + 1

    def _run_udp(self):
        while True:
            asked, who = self.udp.recvfrom(4096)
            if not asked:
                return
            self.udp.sendto(self._reply(asked, False), who)

    def _run_tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            with conn:
                while size := receive_all(conn, 2):
                    self.by_tcp += 1
                    conn.sendall(framed(self._reply(receive_all(conn, int.from_bytes(size, 'big')), True)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(family_of(self.at), socket.SOCK_DGRAM) as sock:
            sock.sendto(b'', self.udp.getsockname())
        self.tcp.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()


def ask_udp(server, name, kind=A, connected=True):
    with udp_socket(server) as sock:
        if connected:
            sock.connect((server, 53))
            sock.send(query(name, kind))
        else:
            sock.sendto(query(name, kind), (server, 53))
        return sock.recv(65536)


def ask_tcp(server, name, kind=A):
    with tcp_socket(server) as sock:
        sock.connect((server, 53))
        sock.sendall(framed(query(name, kind)))
        return receive_all(sock, int.from_bytes(receive_all(sock, 2), 'big'))
