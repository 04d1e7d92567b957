"""Fused kernel: the multiplication and addition that is rounded once, for the kernels beside it.

The terms of a DCT coefficient are added in order, and each product is added unrounded. So the same pixels have the same
coefficients on every machine; they are those of NumPy's matrix products on processors that fuse as well.
"""

from typing import Any

from numba.extending import intrinsic


def _fused(_: Any, first: Any, second: Any, addend: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return addend(first, second, addend), generate


fused: Any = intrinsic(_fused)
"""fused(first, second, addend): first * second + addend, all of one floating-point type, rounded once."""
