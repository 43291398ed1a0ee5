"""How XLA compiles campaigns: a campaign is hundreds of small loops that run for seconds, so quickly.

With XLA's older emitters of fusions, less work by LLVM and fewer pieces of machine code, a campaign compiles in two
thirds of the processor time, and runs as fast: its time goes into factorisations and products of matrices, which
are not compiled. Programs whose time goes into fused loops, such as a lattice or a network, become slower and are not
compiled like this.
"""

import os
from functools import cache
from typing import Any

import jax

QUICKLY = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 1,
    "xla_cpu_parallel_codegen_split_count": 8,
}


def compiler_options(*, waits: bool = False) -> dict[str, Any]:
    """Return the options with which a campaign compiles: ``jax.jit(program, compiler_options=bo.compiler_options())``.

    ``run``, ``run_seeds`` and ``run_resumable`` use them. A program that ``waits`` for something else between calls,
    such as a step of a session, is not optimised by LLVM at all: it compiles in half of that time again, and runs for
    two or three times as many milliseconds. Empty where JAX does not compute on a CPU, and where this XLA does not know
    them; an option that ``XLA_FLAGS`` names is left to the flag.
    """
    if jax.default_backend() != "cpu":
        return {}
    flags = os.environ.get("XLA_FLAGS", "")
    wanted = QUICKLY | ({"xla_backend_optimization_level": 0} if waits else {})
    chosen = {name: value for name, value in wanted.items() if f"--{name}=" not in flags}
    return chosen if _known(tuple(chosen.items())) else {}


@cache
def _known(options: tuple[tuple[str, Any], ...]) -> bool:
    """Return whether XLA takes these options; other versions refuse names that they do not know."""
    try:
        jax.jit(lambda x: x).lower(0.0).compile(compiler_options=dict(options))
    except jax.errors.JaxRuntimeError:
        return False
    return True
