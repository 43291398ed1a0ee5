"""How XLA compiles programs whose time does not go into fused loops: quickly.

With XLA's older emitters of fusions, less work by LLVM and fewer pieces of machine code, a program compiles in a third
to two thirds of the processor time. One that runs once, or whose time goes into factorisations and products of
matrices, which are not compiled, runs as fast. A lattice or a network becomes slower and is not compiled like this.
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


def quickly(level: int = QUICKLY["xla_backend_optimization_level"]) -> dict[str, Any]:
    """Return the options of ``jax.jit(program, compiler_options=...)``, with LLVM's optimisation at ``level``.

    Empty where JAX does not compute on a CPU, and where this XLA does not know them; an option that ``XLA_FLAGS`` names
    is left to the flag.
    """
    if jax.default_backend() != "cpu":
        return {}
    flags = os.environ.get("XLA_FLAGS", "")
    wanted = QUICKLY | {"xla_backend_optimization_level": level}
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
