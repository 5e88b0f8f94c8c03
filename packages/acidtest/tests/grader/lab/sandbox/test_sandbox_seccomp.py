"""The lock on system calls, read by an interpreter of our own and compared with the headers."""

import errno
import re
import struct
from pathlib import Path

import pytest

from acidtest.grader.lab.sandbox._seccomp import AARCH64, X86_64, Machine, program

MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}
ALLOWED = 0x7FFF0000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def _answer(code: bytes, number: int, *arguments: int, audit: int) -> int:
    """Run the filter as the kernel does; return an error number, or 0 when allowed."""
    record = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", code))
    position = register = 0
    while True:
        kind, when_true, when_false, value = steps[position]
        position += 1
        if kind == 0x20:
            (register,) = struct.unpack_from("=I", record, value)
        elif kind == 0x06:
            assert value == ALLOWED or value >> 16 == 5
            return 0 if value == ALLOWED else value & 0xFFFF
        else:
            holds = {0x15: register == value, 0x35: register >= value, 0x45: register & value}[kind]
            position += when_true if holds else when_false


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each processor a lock was written for."""
    return MACHINES[request.param]


def _call(machine: Machine, name: str, *arguments: int) -> int:
    return _answer(program(machine), machine.numbers[name], *arguments, audit=machine.audit)


def test_ways_out_are_refused(machine: Machine) -> None:
    """Calls that lead out of a sandbox fail whatever their arguments."""
    for name in ("mount", "setns", "pivot_root", "bpf", "ptrace", "init_module", "kexec_load"):
        assert _call(machine, name) == errno.EPERM


def test_calls_with_a_fallback_are_absent(machine: Machine) -> None:
    """Runtimes that try a newer call are told to use the older one."""
    for name in ("clone3", "io_uring_setup", "keyctl"):
        assert _call(machine, name) == errno.ENOSYS


def test_ordinary_calls_pass(machine: Machine) -> None:
    """Every call that is not named passes."""
    named = set(machine.numbers.values())
    code = program(machine)

    for number in set(range(460)) - named:
        assert _answer(code, number, audit=machine.audit) == 0


def test_processes_and_threads_pass_but_not_namespaces(machine: Machine) -> None:
    """`clone` starts threads and children; with any new namespace it fails."""
    assert _call(machine, "clone", 0x3D0F00) == 0
    assert _call(machine, "clone", 17) == 0
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert _call(machine, "clone", bit | 17) == errno.EPERM
        assert _call(machine, "unshare", bit) == errno.EPERM
    assert _call(machine, "unshare", 0x400) == 0
    assert _call(machine, "unshare", 0x80) == errno.EPERM


def test_only_harmless_socket_families_pass(machine: Machine) -> None:
    """Local, internet and netlink sockets pass; packet, kernel crypto and hypervisor do not."""
    for name in ("socket", "socketpair"):
        assert {f for f in range(50) if _call(machine, name, f) == 0} == {1, 2, 10, 16}
        assert _call(machine, name, 40) == errno.EAFNOSUPPORT


def test_terminal_tricks_fail_and_other_controls_pass(machine: Machine) -> None:
    """Typing into a terminal is refused, also when the upper half of the number is filled."""
    assert _call(machine, "ioctl", 1, 0x5401) == 0
    assert _call(machine, "ioctl", 1, 0x5412) == errno.EPERM
    assert _call(machine, "ioctl", 1, 0xFFFFFFFF_00005412) == errno.EPERM


def test_only_plain_personalities_pass(machine: Machine) -> None:
    """Asking for the personality passes; switching address randomisation off does not."""
    assert _call(machine, "personality", 0xFFFFFFFF) == 0
    assert _call(machine, "personality", 0x0040000) == errno.EPERM


def test_another_processors_calls_do_not_exist(machine: Machine) -> None:
    """The same processor's other ABIs find nothing, so the lock cannot be walked around."""
    assert _answer(program(machine), 1, audit=0x40000003) == errno.ENOSYS
    if machine.foreign_from is not None:
        foreign = machine.foreign_from | machine.numbers["mount"]
        assert _answer(program(machine), foreign, audit=machine.audit) == errno.ENOSYS


@pytest.mark.parametrize("name", MACHINES)
def test_the_numbers_are_the_kernels(name: str) -> None:
    """Every number agrees with the kernel's headers, where these are installed."""
    if not HEADERS[name].exists():
        pytest.skip(f"no {HEADERS[name]}")
    text = HEADERS[name].read_text()
    pairs = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
    known = {call: int(number) for call, number in pairs}
    numbers = MACHINES[name].numbers

    assert {call: known[call] for call in numbers if call in known} == {
        call: number for call, number in numbers.items() if call in known
    }
    assert len([call for call in numbers if call in known]) > 50
