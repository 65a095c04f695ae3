"""A process that leaves the network: it and all that it starts then see loopback alone.

For whoever executes notebooks or tests: what they need must lie in the repository, and what asks
for more fails here as it does in a classroom without a network. Linux only.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1  # linux/sockios.h, linux/if.h
ELSEWHERE = ("192.0.2.1", 9)  # RFC 5737: an address for documentation; nobody has it


def leave_network() -> bool:
    """Moves this process into a network of its own that has only loopback.

    Threads that run already stay where they are; those that are started later follow.

    Returns:
      Whether it is offline now; False where the system does not allow it: not Linux, or a
      container or a security module that forbids it.
    """
    if sys.platform != "linux":
        return False
    if os.geteuid() and not _works_in_a_child():  # what has half worked cannot be taken back
        return False
    return _left()


def is_offline() -> bool:
    """Whether every place but this machine is out of reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)  # of a datagram: finds the way there, sends nothing
        except OSError as error:
            return error.errno == errno.ENETUNREACH
    return False


def _left() -> bool:
    is_root, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (0 if is_root else CLONE_NEWUSER)):
        return False
    if not is_root:  # a user namespace begins without users: keep the one we were
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


def _works_in_a_child() -> bool:
    child = os.fork()
    if not child:
        try:
            os._exit(0 if _left() else 1)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
