"""Limits: what a process may no longer do once it has loaded what it needs, before it sees a stranger's bytes.

Everywhere with POSIX: no core dumps, no byte written to any file, memory and CPU time bounded. On Linux (x86-64 and
ARM64) also, by a filter of system calls (seccomp): no sockets, no other program, no signals to other processes, and no
file made, written, renamed or removed. Files can still be read. A filter cannot be taken back by the process itself.
"""

import ctypes
import os
import platform
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

_SET_NO_NEW_PRIVILEGES = 38  # of prctl
_SET_FILTER, _ALL_THREADS = 1, 1  # of seccomp
_LOAD, _EQUAL, _ANY_SET, _RETURN = 0x20, 0x15, 0x45, 0x06  # instructions of BPF
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050000 | 13  # EACCES
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16  # of struct seccomp_data, little-endian
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_X32 = 0x40000000

_MACHINES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
"""The machine's name for the filter (AUDIT_ARCH), and the number of its system call `seccomp`."""
_OPENS = {"x86_64": {2: 1, 257: 2}, "aarch64": {56: 2}}
"""open and openat, with the place of their flags among the arguments."""
_CALLS = {
    "x86_64": (
        *(41, 53, 59, 322, 101, 425, 437, 310, 311, 321),  # socket, execve, ptrace, io_uring, openat2, process_vm, bpf
        *(62, 76, 82, 83, 84, 85, 86, 87, 88, 90, 92, 94, 133),  # kill, truncate, rename … mknod
        *(258, 259, 260, 263, 264, 265, 266, 268, 316),
        *(129, 200, 297, 424),  # signals by rt_sigqueueinfo, tkill, rt_tgsigqueueinfo, pidfd_send_signal
        *(109, 112),  # setpgid, setsid: a process that it forks ends with it
    ),
    "aarch64": (
        *(198, 199, 221, 281, 117, 425, 437, 270, 271, 280),
        *(129, 45, 38, 33, 34, 35, 36, 37, 53, 54, 276),
        *(138, 130, 240, 424),
        *(154, 157),
    ),
}
_TGKILL = {"x86_64": 234, "aarch64": 131}
"""How a process signals its own threads, and ends itself by abort."""


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort), ("if_true", ctypes.c_ubyte), ("if_false", ctypes.c_ubyte), ("value", ctypes.c_uint32)
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def confine(memory_bytes: int) -> None:
    """Give up what no examination needs; `memory_bytes`: how much more memory this process may take than it has."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(OSError, ValueError):  # no /proc, or a smaller limit already
        limit_bytes = address_space_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    _filter_calls()


def address_space_bytes() -> int:
    """Return how much address space this process has taken, which RLIMIT_AS counts; raises OSError without /proc."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def allow_cpu_s(seconds: float) -> None:
    """Let this process compute for so long from now on: a process whose sandbox has died ends as well."""
    limit_s = int(time.process_time() + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _filter_calls() -> bool:
    """Set the filter on all threads; False where there is none on this system."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _MACHINES or sys.maxsize < 2**32:
        return False
    program = _program(machine)
    instructions = (_Instruction * len(program))(*program)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    argument = ctypes.byref(_Program(len(program), instructions))
    return bool(libc.syscall(_MACHINES[machine][1], _SET_FILTER, _ALL_THREADS, argument) == 0)


def _program(machine: str) -> list[_Instruction]:
    """Return the filter: calls of another machine's form are refused, as are those listed and opening for writing."""
    refuse, allow = _Instruction(_RETURN, 0, 0, _REFUSED), _Instruction(_RETURN, 0, 0, _ALLOWED)
    program = [
        _Instruction(_LOAD, 0, 0, _MACHINE_AT), _Instruction(_EQUAL, 1, 0, _MACHINES[machine][0]), refuse,
        _Instruction(_LOAD, 0, 0, _NUMBER_AT), _Instruction(0x35, 0, 1, _X32), refuse,
    ]  # fmt: skip
    for number in _CALLS[machine]:
        program += [_Instruction(_EQUAL, 0, 1, number), refuse]
    for number, flags in _OPENS[machine].items():
        program += [
            _Instruction(_EQUAL, 0, 4, number), _Instruction(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * flags),
            _Instruction(_ANY_SET, 0, 1, _WRITES), refuse, allow,
        ]  # fmt: skip
    program += [
        _Instruction(_EQUAL, 0, 4, _TGKILL[machine]), _Instruction(_LOAD, 0, 0, _ARGUMENTS_AT),
        _Instruction(_EQUAL, 1, 0, os.getpid()), refuse, allow,
    ]  # fmt: skip
    return [*program, allow]
