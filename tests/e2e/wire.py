"""The other end of a wire, without a TCP of its own: the test says each segment.

`Wire(a, b)` joins two namespaces. Namespace `a` has an address; `b` has none, so that its kernel
answers nothing, and what comes there is read and answered here as raw frames.
"""
import socket
import struct

from sockets import TIMEOUT

ETH_P_IP = 0x0800
HERE, THERE = '10.1.0.1', '10.1.0.9'
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MAC = {'veth0': '02:00:00:00:00:01', 'veth1': '02:00:00:00:00:02'}


def mac(name):
    return bytes.fromhex(MAC[name].replace(':', ''))


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Segment:
    def __init__(self, packet):
        assert packet[9] == socket.IPPROTO_TCP
        tcp = packet[(packet[0] & 15) * 4:struct.unpack_from('!H', packet, 2)[0]]
        self.sport, self.dport, self.seq, self.ack, offset, self.flags = struct.unpack_from('!HHIIBB', tcp)
        self.data = tcp[offset >> 4 << 2:]

    @property
    def next(self):
        """The number that acknowledges it."""
        return (self.seq + len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)) % 2 ** 32


class Wire:
    def __init__(self, a, b):
        a.run('ip', 'link', 'add', 'veth0', 'address', MAC['veth0'], 'type', 'veth',
              'peer', 'name', 'veth1', 'address', MAC['veth1'], 'netns', b.path)
        a.run('ip', 'address', 'add', HERE + '/24', 'dev', 'veth0')
        a.run('ip', 'link', 'set', 'veth0', 'up')
        b.run('ip', 'link', 'set', 'veth1', 'up')
        a.run('ip', 'neighbour', 'replace', THERE, 'lladdr', MAC['veth1'], 'dev', 'veth0')
        with b:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        self.socket.bind(('veth1', ETH_P_IP))
        self.socket.settimeout(TIMEOUT)

    def receive(self, flags):
        """The next segment that has exactly these flags."""
        while True:
            packet = self.socket.recv(65536)[14:]
            if packet[9] == socket.IPPROTO_TCP:
                segment = Segment(packet)
                if segment.flags & (FIN | SYN | RST | ACK) == flags:
                    return segment

    def send(self, to, flags, seq, ack=0, data=b''):
        """A segment to the one that sent `to`."""
        ends = socket.inet_aton(THERE) + socket.inet_aton(HERE)
        tcp = struct.pack('!HHIIBBHHH', to.dport, to.sport, seq % 2 ** 32, ack, 5 << 4, flags, 65535, 0, 0)
        sum_ = checksum(ends + struct.pack('!HH', socket.IPPROTO_TCP, len(tcp + data)) + tcp + data)
        tcp = tcp[:16] + struct.pack('!H', sum_) + tcp[18:] + data
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0)
        ip = ip[:10] + struct.pack('!H', checksum(ip + ends)) + ends
        self.socket.send(mac('veth0') + mac('veth1') + struct.pack('!H', ETH_P_IP) + ip + tcp)

    def close(self):
        self.socket.close()
