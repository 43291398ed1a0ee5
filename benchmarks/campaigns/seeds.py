"""What the benchmarks of campaigns share: options, programs compiled over seeds, quartiles, the saved file."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import bo
from benchmarks.timing import timed
from bo.devices import lanes


class Measured(NamedTuple):
    """What a program returned for all seeds, and CPU seconds of its run and of its compilation."""

    result: Any
    cpu_s: float
    compile_cpu_s: float


def parser(doc: str | None, seeds: int = 32) -> argparse.ArgumentParser:
    """Return a parser of the options that all of these benchmarks have, with ``doc`` as its help."""
    options = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--smoke", action="store_true", help="a small job, in seconds")
    options.add_argument("--seeds", type=int, default=seeds)
    options.add_argument("--seed", type=int, default=0, help="of the starts and campaigns")
    options.add_argument("--out", type=Path, help="JSON of everything measured")
    return options


def compiled(program: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Return the program, compiled as ``bo.run_seeds`` does it, and the CPU seconds that this took."""
    compiler = jax.jit(program, compiler_options=bo.compiler_options())
    executable, cpu, _ = timed(lambda: compiler.lower(*arguments).compile())
    return executable, cpu


def over_seeds(program: Callable[..., Any], *arguments: Any) -> Measured:
    """Compile ``program`` and run it for each seed, the leading axis of the arguments, one after another."""
    executable, compile_cpu = compiled(lanes(program, 1), *arguments)
    result, cpu, _ = timed(executable, *arguments)
    return Measured(jax.tree.map(np.asarray, result), cpu, compile_cpu)


def spread(values: Any) -> str:
    """Return "median [lower quartile, upper quartile]"."""
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def save(path: Path | None, measured: Any) -> None:
    """Write what was measured as JSON, arrays as lists; nothing without a path."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(measured, indent=1, default=lambda array: np.asarray(array).tolist()))
