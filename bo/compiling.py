"""How XLA compiles campaigns: a campaign is hundreds of small loops that run for seconds, so quickly."""

from typing import Any

from ferro_jax.compiling import quickly


def compiler_options(*, waits: bool = False) -> dict[str, Any]:
    """Return the options with which a campaign compiles: ``jax.jit(program, compiler_options=bo.compiler_options())``.

    ``run``, ``run_seeds`` and ``run_resumable`` use them. A program that ``waits`` for something else between calls,
    such as a step of a session, is not optimised by LLVM at all: it compiles in half of that time again, and runs for
    two or three times as many milliseconds. Empty where JAX does not compute on a CPU, and where this XLA does not know
    them; an option that ``XLA_FLAGS`` names is left to the flag.
    """
    return quickly(level=0) if waits else quickly()
