"""Kernels compiled by numba, on one building block: a tile of a matrix product in registers.

`target` reads the processor, `jit` compiles and shares work among threads, `tile` emits the block
as vector code, `product` builds matrix products of it; the rest, a family a file, are loops around
these. Each function here has a twin of the same name and meaning in `autograd.kernels.plain`.
"""
