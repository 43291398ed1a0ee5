"""Gaussian-process campaigns as pure functions: one compilation, vmapped over seeds.

XLA's CPU runtime (jaxlib 0.10.2) can deadlock on machines of few cores when vmapped Cholesky factorisations or
triangular solves run inside a scan: its thread pool is sized by the number of cores, and a batch of solves that
waits for a free thread can occupy all of them. A larger pool cures it, and XLA sizes the pool by ``NPROC`` when the
backend starts, so the variable is set here, before JAX can start through anything of this package.
"""

import os

os.environ.setdefault("NPROC", "16")
