"""io_uring without a library: one operation at a time, and its result."""
import ctypes
import mmap
import os
import socket
import struct

from sockets import check_errno, held, libc

SYS_IO_URING_SETUP, SYS_IO_URING_ENTER = 425, 426
ACCEPT, CONNECT, CLOSE, SEND, RECV = 13, 16, 19, 26, 27
SQE_ASYNC = 1 << 4  # by a worker thread, iou-wrk-*, and not in the call itself
ENTER_GETEVENTS = 1
FEAT_SINGLE_MMAP = 1
OFF_SQES = 0x10000000
SQE_SIZE = 64


class Ring:
    """`ring.recv(fd, size)`; raises OSError where the system call would."""

    def __init__(self):
        params = ctypes.create_string_buffer(120)
        self.fd = libc.syscall(SYS_IO_URING_SETUP, 4, params)
        check_errno(self.fd)
        sq_entries, cq_entries, _, _, _, features = struct.unpack_from('6I', params)
        assert features & FEAT_SINGLE_MMAP
        _, self.sq_tail, self.sq_mask, _, _, _, self.sq_array = struct.unpack_from('7I', params, 40)
        self.cq_head, self.cq_tail, self.cq_mask, _, _, self.cqes = struct.unpack_from('6I', params, 80)
        size = max(self.sq_array + 4 * sq_entries, self.cqes + 16 * cq_entries)
        self.ring = mmap.mmap(self.fd, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        self.sqes = mmap.mmap(self.fd, sq_entries * SQE_SIZE, mmap.MAP_SHARED | mmap.MAP_POPULATE,
                              offset=OFF_SQES)

    def _u32(self, offset):
        return struct.unpack_from('I', self.ring, offset)[0]

    def run(self, opcode, fd, *, addr=0, off=0, length=0, flags=0, worker=False):
        tail = self._u32(self.sq_tail)
        slot = tail & self._u32(self.sq_mask)
        struct.pack_into('BBHiQQII24x', self.sqes, slot * SQE_SIZE, opcode,
                         SQE_ASYNC if worker else 0, 0, fd, off, addr, length, flags)
        struct.pack_into('I', self.ring, self.sq_array + 4 * slot, slot)
        struct.pack_into('I', self.ring, self.sq_tail, tail + 1)
        done = libc.syscall(SYS_IO_URING_ENTER, self.fd, 1, 1, ENTER_GETEVENTS, None, 0)
        check_errno(done)
        head = self._u32(self.cq_head)
        assert head != self._u32(self.cq_tail), 'nothing was done'
        result, = struct.unpack_from('i', self.ring,
                                     self.cqes + 16 * (head & self._u32(self.cq_mask)) + 8)
        struct.pack_into('I', self.ring, self.cq_head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def connect(self, fd, address, port, **how):
        name = struct.pack('=H', socket.AF_INET) + struct.pack('!H', port)
        name = ctypes.create_string_buffer(name + socket.inet_aton(address), 16)
        self.run(CONNECT, fd, addr=ctypes.addressof(name), off=16, **how)

    def accept(self, fd, **how):
        return self.run(ACCEPT, fd, **how)

    def send(self, fd, data, **how):
        buffer = ctypes.create_string_buffer(data, len(data))
        return self.run(SEND, fd, addr=ctypes.addressof(buffer), length=len(data), **how)

    def recv(self, fd, size, **how):
        buffer = ctypes.create_string_buffer(size)
        size = self.run(RECV, fd, addr=ctypes.addressof(buffer), length=size, **how)
        return buffer.raw[:size]

    def close_socket(self, fd, **how):
        self.run(CLOSE, fd, **how)

    def end(self):
        self.sqes.close()
        self.ring.close()
        os.close(self.fd)


def is_missing():
    """Why there is no io_uring here, or None."""
    try:
        Ring().end()
    except OSError as error:
        return f'no io_uring: {error.strerror}'
    return None


def ring():
    """The one of this process."""
    if 'ring' not in held:
        held['ring'] = Ring()
    return held['ring']
