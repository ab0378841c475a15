"""The two decorators every kernel wears, so that all are compiled under the same arithmetic.

The exactness contract: a kernel's result is the same bits on every processor. So never `fastmath` (no
reassociation, no contraction of a multiply and an add), never `parallel`; division by zero gives IEEE
infinities instead of an exception. Kernels release the interpreter lock; callers bring the threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` as a kernel, kept in numba's cache between processes."""
    return njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile `function` as a part of kernels: always inlined, so that small steps cost no call."""
    return njit(nogil=True, cache=True, error_model="numpy", fastmath=False, forceinline=True)(function)
