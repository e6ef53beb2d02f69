"""bpf() without a library: a cgroup program that refuses, and a look into a trace's own maps."""
import contextlib
import ctypes
import glob
import mmap
import os
import platform
import re
import resource
import struct

from sockets import check_errno, libc

SYS_BPF = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
MAP_LOOKUP_ELEM, MAP_GET_NEXT_KEY, PROG_LOAD, PROG_ATTACH = 1, 4, 5, 8
MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 14, 15
PROG_TYPE_CGROUP_SOCK_ADDR = 18
INET4_CONNECT, INET6_CONNECT = 10, 11
HASH, LRU_HASH, SK_STORAGE, RINGBUF = 1, 9, 24, 27
RETURN_0 = bytes.fromhex('b700000000000000' '9500000000000000')


def bpf(command, layout, *values):
    attr = ctypes.create_string_buffer(struct.pack('=' + layout, *values), 128)
    result = libc.syscall(SYS_BPF, command, attr, len(attr))
    check_errno(result)
    return result


def address_of(buffer):
    return ctypes.addressof(buffer)


@contextlib.contextmanager
def memory_to_lock():
    """Before 5.11 programs count towards RLIMIT_MEMLOCK, and without enough of it EPERM is all they get."""
    old = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_MEMLOCK, old)


@memory_to_lock()
def refuse_connect(cgroup_path):
    """connect() of the processes in that cgroup is denied, until the cgroup is removed."""
    insns, licence = ctypes.create_string_buffer(RETURN_0), ctypes.create_string_buffer(b'GPL')
    cgroup = os.open(cgroup_path, os.O_RDONLY)
    try:
        for hook in INET4_CONNECT, INET6_CONNECT:
            prog = bpf(PROG_LOAD, 'IIQQIIQII16sII', PROG_TYPE_CGROUP_SOCK_ADDR, len(RETURN_0) // 8,
                       address_of(insns), address_of(licence), 0, 0, 0, 0, 0, b'', 0, hook)
            try:
                bpf(PROG_ATTACH, 'IIII', cgroup, prog, hook, 0)
            finally:
                os.close(prog)
    finally:
        os.close(cgroup)


class Map:
    """A map of another process."""

    def __init__(self, map_id):
        self.fd = bpf(MAP_GET_FD_BY_ID, 'III', map_id, 0, 0)
        info = ctypes.create_string_buffer(128)
        bpf(OBJ_GET_INFO_BY_FD, 'IIQ', self.fd, len(info), address_of(info))
        self.type, _, self.key_size, self.value_size = struct.unpack_from('4I', info)
        self.name = info.raw[24:40].rstrip(b'\0').decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def bytes_sent(self):
        """Of a ring buffer: all that was ever reserved in it."""
        page = mmap.PAGESIZE
        with mmap.mmap(self.fd, page, mmap.MAP_SHARED, mmap.PROT_READ, offset=page) as positions:
            return struct.unpack_from('Q', positions)[0]

    def keys(self):
        key, following = None, ctypes.create_string_buffer(self.key_size)
        found = []
        while True:
            try:
                bpf(MAP_GET_NEXT_KEY, 'IIQQ', self.fd, 0, address_of(key) if key else 0,
                    address_of(following))
            except OSError:
                return found
            key = ctypes.create_string_buffer(following.raw, self.key_size)
            found.append(key.raw)

    def has(self, key):
        value = ctypes.create_string_buffer(self.value_size)
        key = ctypes.create_string_buffer(key, self.key_size)
        try:
            bpf(MAP_LOOKUP_ELEM, 'IIQQ', self.fd, 0, address_of(key), address_of(value))
        except OSError:
            return False
        return True


def map_ids_of(pid):
    ids = set()
    for path in glob.glob(f'/proc/{pid}/fdinfo/*'):
        with contextlib.suppress(FileNotFoundError), open(path) as f:
            ids |= {int(n) for n in re.findall(r'^map_id:\s*(\d+)', f.read(), re.M)}
    return ids


def kept(pid, sockets=()):
    """What a process keeps in its hashes, and with these sockets: name of the map -> how much."""
    found = {}
    for map_id in map_ids_of(pid):
        with Map(map_id) as one:
            if one.type in (HASH, LRU_HASH):
                count = len(one.keys())
            elif one.type == SK_STORAGE:
                count = sum(one.has(struct.pack('i', s.fileno())) for s in sockets)
            else:
                continue
            if count:
                found[one.name] = found.get(one.name, 0) + count
    return found
