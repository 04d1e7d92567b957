"""Compiled: compiles loops over bytes and coefficients to machine code with numba, once for each machine.

Compiling takes seconds, so numba keeps the result on the disk: in the folder NUMBA_CACHE_DIR, else in `__pycache__`
beside the source, else, where that cannot be written, in the user's cache folder. Where nothing can be written, or
what is kept there is broken, each process compiles for itself. A kernel has exactly one signature, compiled when its
module is imported: several processes that compile it at once then write the same files, and each replaces them whole.

Importing numba takes half a second, so modules of kernels (`..._kernel`) are imported by the function that needs them,
when it is called, and no other module imports numba.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba.extending import intrinsic

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def compiled(signature: str) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Return a decorator that compiles a function for one signature in numba's notation.

    The compiled function releases the interpreter's lock. It has no check of indices of its own, unless the environment
    has NUMBA_BOUNDSCHECK=1 (with a NUMBA_CACHE_DIR apart: the cache does not tell the two forms from each other).
    """

    def compile_once(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        try:
            kernel = numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function)
        except Exception:  # noqa: BLE001 - no folder, a full disk, a torn file: whatever it is, the cache is only a help
            kernel = numba.njit(signature, nogil=True, error_model="numpy")(function)
        return cast(Callable[_Arguments, _Result], kernel)

    return compile_once


def _fused(_: Any, first: Any, second: Any, addend: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return addend(first, second, addend), generate


fused: Any = intrinsic(_fused)
"""For kernels: fused(first, second, addend) is first * second + addend, of one floating-point type, rounded once.

The terms of a DCT coefficient are added with it in order, so the same pixels have the same coefficients on every
machine: those of NumPy's matrix products on processors that fuse as well.
"""
