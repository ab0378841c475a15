"""The decorators kernels wear, so that all are compiled under the same arithmetic.

The exactness contract: a kernel's result is the same bits on every processor. So never `fastmath` (no
reassociation, no contraction of a multiply and an add), never `parallel`; division by zero gives IEEE
infinities instead of an exception. Kernels release the interpreter lock; callers bring the threads.

`_nrt=False` takes numba's reference counting out: its atomic counters on every array handed from function
to function cost several times what a ray query does, and threads would fight over them. The price is
that a kernel cannot allocate (numba refuses to compile it); its caller brings all the memory.

Compiling is what the first picture waits for. So only what Python calls is a `kernel`: the way in from
Python, which unpacks every array of every argument, takes longer to compile than most functions. A `step`
is also compiled once for all constants it is called with, not once for each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.extending import register_jitable

from mesh.render.cachekey import cache_folder

# numba's stubs do not know `_nrt`, hence a mapping.
_SETTINGS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "_nrt": False,
    # Only needed by compiled functions that are called through a pointer.
    "no_cfunc_wrapper": True,
}

# numba's cache, where it is not in the folder of these very sources, gives back kernels that still run what
# a function of another file was before an edit: they read records at old places, which shows as wrong pixels
# or a crash. Whoever did not set `kernel_environment` therefore waits for a compilation instead.
_KEPT = Path(os.environ.get("NUMBA_CACHE_DIR", "")).name == cache_folder(Path()).name


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` as a kernel that Python calls, kept between processes under `kernel_environment`."""
    # Said to be inlined or not, for else numba takes over what its first caller is.
    return njit(**_SETTINGS, cache=_KEPT, forceinline=False)(function)


def step(function: Callable[..., Any]) -> Any:
    """Let kernels call `function`. Called from Python it is not compiled, and may round differently."""
    return register_jitable(**_SETTINGS, forceinline=False)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """As `step`, but always inlined: for small steps, and for large ones used in one place."""
    return register_jitable(**_SETTINGS, forceinline=True)(function)


def merged(function: Callable[..., Any]) -> Any:
    """Paste `function` into its callers before they are compiled: for large steps used in one place.

    The compiler then sees through the tuples that go in and come out, which makes frames some 10 % faster. But numba
    copies all names of such a function twice for each of its blocks, and of what was pasted into it: one that is large
    and pasted into a larger one is better `inlined`, where frames take no longer for it.
    """
    return njit(**_SETTINGS, inline="always")(function)
