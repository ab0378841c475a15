"""The path tracer of the built-in engine, as numba kernels, and what becomes of its pixels."""
