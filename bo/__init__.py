"""Gaussian-process campaigns as pure functions: one compilation, vmapped over seeds.

XLA's CPU runtime (jaxlib 0.10.2) can deadlock on machines of few cores when vmapped Cholesky factorisations or
triangular solves run inside a scan: its thread pool is sized by the number of cores, and a batch of solves that
waits for a free thread can occupy all of them. A larger pool cures it, and XLA sizes the pool by ``NPROC`` when the
backend starts, so the variable is set here, before JAX can start through anything of this package.

jaxlib factorises through SciPy's OpenBLAS, whose threads spin while they wait for each other. Matrices of a few hundred
rows gain nothing from them, and where cores are shared (devices, seeds, other jobs) a fit of 100 observations took 15
times the processor time: one thread, set before the first factorisation loads the library.
"""

import os

os.environ.setdefault("NPROC", "16")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
