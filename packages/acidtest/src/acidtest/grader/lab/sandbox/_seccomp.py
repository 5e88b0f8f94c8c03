"""The system calls a submission may not make, as a seccomp program written by hand.

Written here rather than taken from libseccomp: the list is short, the format is stable, and a judge
should be able to show every instruction of its own lock.

The program denies what leads out of a sandbox (new namespaces, mounts, modules, tracing, keyrings,
kernel interfaces with a history of holes) and leaves alone what servers need: threads,
subprocesses, epoll, inotify, memfd, and the probing that runtimes do. Where a runtime tries a newer
call first and knows a fallback, the answer is "no such call" (ENOSYS) rather than "forbidden"
(EPERM).
"""

import errno
import platform
import struct
from collections.abc import Iterable
from typing import NamedTuple

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000
# Offsets in `struct seccomp_data`; the low half of an argument comes first on both machines.
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT, _ARGUMENT_SIZE = 0, 4, 16, 8

_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_NEW_TIME = 0x80
"""CLONE_NEWTIME, for `unshare` only: in `clone` these bits are the exit signal."""
_FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}
"""Not packet, alg, vsock (which reaches a virtual machine's host past every namespace), …"""
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
_TERMINAL_TRICKS = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: they type into somebody else's terminal."""


class Machine(NamedTuple):
    """What the kernel calls a processor, and its numbers for system calls."""

    audit: int
    """The AUDIT_ARCH_… value that stands in every call's record."""
    foreign_from: int | None
    """Numbers from here on belong to another ABI of the same processor (x32)."""
    numbers: dict[str, int]


_SHARED = {
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "clone3": 435,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
}

X86_64 = Machine(
    0xC000003E,
    0x40000000,
    {
        **_SHARED,
        "ioctl": 16,
        "socket": 41,
        "socketpair": 53,
        "clone": 56,
        "ptrace": 101,
        "syslog": 103,
        "personality": 135,
        "vhangup": 153,
        "pivot_root": 155,
        "chroot": 161,
        "acct": 163,
        "settimeofday": 164,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "swapoff": 168,
        "reboot": 169,
        "sethostname": 170,
        "setdomainname": 171,
        "iopl": 172,
        "ioperm": 173,
        "init_module": 175,
        "delete_module": 176,
        "quotactl": 179,
        "nfsservctl": 180,
        "lookup_dcookie": 212,
        "clock_settime": 227,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "fanotify_init": 300,
        "name_to_handle_at": 303,
        "open_by_handle_at": 304,
        "clock_adjtime": 305,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "kcmp": 312,
        "finit_module": 313,
        "kexec_file_load": 320,
        "bpf": 321,
        "userfaultfd": 323,
    },
)

AARCH64 = Machine(
    0xC00000B7,
    None,
    {
        **_SHARED,
        "lookup_dcookie": 18,
        "ioctl": 29,
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "nfsservctl": 42,
        "chroot": 51,
        "vhangup": 58,
        "quotactl": 60,
        "acct": 89,
        "personality": 92,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "clock_settime": 112,
        "syslog": 116,
        "ptrace": 117,
        "reboot": 142,
        "sethostname": 161,
        "setdomainname": 162,
        "settimeofday": 170,
        "socket": 198,
        "socketpair": 199,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "clone": 220,
        "swapon": 224,
        "swapoff": 225,
        "perf_event_open": 241,
        "fanotify_init": 262,
        "name_to_handle_at": 264,
        "open_by_handle_at": 265,
        "clock_adjtime": 266,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "kcmp": 272,
        "finit_module": 273,
        "bpf": 280,
        "userfaultfd": 282,
        "kexec_file_load": 294,
    },
)

_MACHINES = {"x86_64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}
_ABSENT = frozenset(
    (
        *(
            "clone3",
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "memfd_secret",
            "fsopen",
        ),
        # Programs that would use a keyring look for ENOSYS and go on without.
        *("add_key", "request_key", "keyctl", "quotactl_fd", "open_tree", "mount_setattr"),
    )
)
_WATCHED = frozenset(("clone", "unshare", "socket", "socketpair", "personality", "ioctl"))
"""Calls that are judged by their arguments."""


def machine() -> Machine | None:
    """Return the processor this program runs on, or None where no lock was written for it."""
    return _MACHINES.get(platform.machine())


def program(of: Machine) -> bytes:
    """Return the filter for machine `of` as the kernel reads it: eight bytes an instruction."""
    code = [_load(_MACHINE_AT), _jump(_JUMP_EQUAL, of.audit, 1, 0), _fail(errno.ENOSYS)]
    code.append(_load(_NUMBER_AT))
    if of.foreign_from is not None:
        code += [_jump(_JUMP_AT_LEAST, of.foreign_from, 0, 1), _fail(errno.ENOSYS)]
    for name, number in sorted(of.numbers.items(), key=lambda item: item[1]):
        if name in _WATCHED:
            body = _judgement(name)
            code += [_jump(_JUMP_EQUAL, number, 0, len(body)), *body]
        else:
            reason = errno.ENOSYS if name in _ABSENT else errno.EPERM
            code += [_jump(_JUMP_EQUAL, number, 0, 1), _fail(reason)]
    code.append(_allow())
    return b"".join(code)


def _judgement(name: str) -> list[bytes]:
    """Instructions that decide a watched call and always return."""
    if name == "clone":
        return _deny_bits(_NEW_NAMESPACES)
    if name == "unshare":
        return _deny_bits(_NEW_NAMESPACES | _NEW_TIME)
    if name == "personality":
        return _only(0, _PERSONALITIES, errno.EPERM)
    if name == "ioctl":
        return _none_of(1, _TERMINAL_TRICKS, errno.EPERM)
    return _only(0, _FAMILIES.values(), errno.EAFNOSUPPORT)


def _deny_bits(bits: int) -> list[bytes]:
    return [_load(_ARGUMENTS_AT), _jump(_JUMP_ANY_BIT, bits, 0, 1), _fail(errno.EPERM), _allow()]


def _only(argument: int, allowed: Iterable[int], reason: int) -> list[bytes]:
    values = list(allowed)
    tests = [_jump(_JUMP_EQUAL, v, len(values) - i, 0) for i, v in enumerate(values)]
    return [_load(_argument(argument)), *tests, _fail(reason), _allow()]


def _none_of(argument: int, denied: Iterable[int], reason: int) -> list[bytes]:
    values = list(denied)
    tests = [_jump(_JUMP_EQUAL, v, len(values) - i, 0) for i, v in enumerate(values)]
    return [_load(_argument(argument)), *tests, _allow(), _fail(reason)]


def _argument(index: int) -> int:
    return _ARGUMENTS_AT + index * _ARGUMENT_SIZE


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, 0, 0, offset)


def _jump(kind: int, value: int, when_true: int, when_false: int) -> bytes:
    return _instruction(kind, when_true, when_false, value)


def _fail(reason: int) -> bytes:
    return _instruction(_RETURN, 0, 0, _FAIL | reason)


def _allow() -> bytes:
    return _instruction(_RETURN, 0, 0, _ALLOW)


def _instruction(code: int, when_true: int, when_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)
