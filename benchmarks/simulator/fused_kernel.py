"""A candidate for GPUs: the synchronous rollout as one Pallas kernel that keeps a lattice on the chip throughout.

    python -m benchmarks.simulator.fused_kernel            on a GPU: against the scan, N = 20, several batches
    python -m benchmarks.simulator.fused_kernel --smoke    anywhere: interpreted, compared with the scan, not timed

One program per lattice: its polarization stays in registers, and neighbours are exchanged through two rows of a buffer
of its own (3 KB, in the first cache of its multiprocessor), with one barrier a step. The scan reads and writes the
whole batch in memory at every step instead. The library takes this kernel once it is measured to be at least three
times quicker; so far it has been interpreted and lowered for CUDA, and never been timed. For N up to about 64, without
clipping.
"""

import argparse
import time
from functools import partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

import ferro_jax as ferro
from ferro_jax.engine.terms import Constants, Inputs, constants
from ferro_jax.lattice import neighbour_table


def _kernel(
    x_start: Any, y_start: Any, linear: Any, local: Any, drive: Any, factors: Any, index: Any,
    x_end: Any, y_end: Any, x_visible: Any, y_visible: Any,
    *, steps: int, sites: int, interpret: bool,
) -> None:  # fmt: skip
    weight = (jnp.arange(linear.shape[0]) < sites).astype(x_start.dtype) / sites
    neighbours = [index[k, :] for k in range(4)]
    cubic, mixed, coupling, depolarization = (factors[k] for k in range(4))

    def step(t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        x, y = state
        row = jax.lax.rem(t, 2)  # the other row may still be read by slower threads
        x_visible[row, :], y_visible[row, :] = x, y
        if not interpret:
            triton.debug_barrier()
        (a, b, c, d), (e, f, g, h) = ([visible[row, i] for i in neighbours] for visible in (x_visible, y_visible))
        x2, y2 = x * x, y * y
        gx = x * (linear[...] + cubic * x2 + mixed * y2) + coupling * ((a + b) + (c + d))
        gy = y * (linear[...] + cubic * y2 + mixed * x2) + coupling * ((e + f) + (g + h))
        gx = gx + (local[0, :] + (drive[t, 0] + depolarization * jnp.sum(x * weight)))
        gy = gy + (local[1, :] + (drive[t, 1] + depolarization * jnp.sum(y * weight)))
        return x + gx, y + gy

    x_end[...], y_end[...] = jax.lax.fori_loop(0, steps, step, (x_start[...], y_start[...]))


def fused_rollout(c: Constants, drive: Array, start: Array, lattice: ferro.Lattice, *, interpret: bool) -> Array:
    """Return the final polarization (lane, 2, sites) of a synchronous run from ``start`` (lane, 2, sites).

    ``c`` and ``drive`` (time, 2, lane) are those of ``engine.terms.constants``, ``c`` without a batch (width 1).
    """
    lanes, steps, sites = start.shape[0], drive.shape[0], lattice.sites
    width = 1 << (sites - 1).bit_length()  # Triton's blocks are powers of two; the rest computes and is dropped

    def padded(f: Array) -> Array:
        return jnp.pad(f, [(0, 0)] * (f.ndim - 1) + [(0, width - sites)])

    def of_lane(*shape: int) -> pl.BlockSpec:
        return pl.BlockSpec((None, *shape), lambda lane: (lane, *(0 for _ in shape)))

    def shared(*shape: int) -> pl.BlockSpec:
        return pl.BlockSpec(shape, lambda lane: tuple(0 for _ in shape))

    index = np.pad(neighbour_table(lattice).site, ((0, 0), (0, width - sites)))
    factors = jnp.stack([c.cubic[0, 0], c.mixed[0, 0], c.coupling[0, 0], c.depolarization[0, 0]])
    linear = jnp.broadcast_to(c.linear[:, 0], (sites,))
    row = jax.ShapeDtypeStruct((lanes, width), start.dtype)
    buffer = jax.ShapeDtypeStruct((lanes, 2, width), start.dtype)
    x, y, _, _ = pl.pallas_call(
        partial(_kernel, steps=steps, sites=sites, interpret=interpret),
        grid=(lanes,),
        in_specs=[
            *(of_lane(width), of_lane(width), shared(width), shared(2, width)),
            *(of_lane(steps, 2), shared(4), shared(4, width)),
        ],
        out_specs=[of_lane(width), of_lane(width), of_lane(2, width), of_lane(2, width)],
        out_shape=[row, row, buffer, buffer],
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=4),
    )(
        padded(start[:, 0]), padded(start[:, 1]), padded(linear), padded(c.local[..., 0]),
        jnp.moveaxis(drive, -1, 0), factors, jnp.asarray(index),
    )  # fmt: skip
    return jnp.stack([x, y], axis=1)[..., :sites]


def runs(lattice: ferro.Lattice, applied: Array, local: Array, *, interpret: bool) -> tuple[Any, Any]:
    """Return (scan, fused): functions from ``applied`` (lane, time, 2) to the final polarization (lane, 2, ny, nx)."""
    params, state = ferro.landau_params(), ferro.initial_state(lattice)

    def of_history(applied: Array) -> Array:
        return ferro.run(None, state, applied, local, params, lattice, check=False)[0].polarization

    def scan(applied: Array) -> Array:
        return jax.vmap(of_history)(applied)

    def fused(applied: Array) -> Array:
        zero = jnp.zeros((2, lattice.sites, 1), local.dtype)
        columns = ferro.Params(*(jnp.asarray(value, local.dtype)[None] for value in params))
        inputs = Inputs(
            zero, zero, zero, jnp.moveaxis(applied, 0, -1), local.reshape(2, -1, 1), columns, None, []
        )  # fmt: skip
        c, drive = constants(inputs, lattice)
        start = jnp.zeros((len(applied), 2, lattice.sites), local.dtype)
        return fused_rollout(c, drive.uniform, start, lattice, interpret=interpret).reshape(-1, 2, *lattice.shape)

    return scan, fused


def main() -> None:
    """Compare the kernel with the scan and, on a GPU, time both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true")
    smoke = parser.parse_args().smoke
    on_gpu = jax.default_backend() == "gpu"
    if not (smoke or on_gpu):
        raise SystemExit("no GPU here: the kernel would only be interpreted; --smoke compares it with the scan")
    lattice, steps = ferro.Lattice((20, 20)), 20 if smoke else 950
    local = ferro.random_field(jax.random.key(0), lattice).astype(jnp.float32)
    for lanes in (3,) if smoke else (64, 1024, 10_000):
        applied = (10 * jax.random.normal(jax.random.key(1), (lanes, steps, 2))).astype(jnp.float32)
        scan, fused = (jax.jit(f) for f in runs(lattice, applied, local, interpret=not on_gpu))
        difference = float(jnp.abs(scan(applied) - fused(applied)).max())
        print(f"{lanes} lattices, {steps} steps: largest difference {difference:.1e}")
        if smoke:
            continue
        seconds = {"scan": [], "fused": []}
        for _ in range(7):
            for name, function in (("scan", scan), ("fused", fused)):
                function(applied).block_until_ready()
                begin = time.perf_counter()
                function(applied).block_until_ready()
                seconds[name].append(time.perf_counter() - begin)
        old, new = median(seconds["scan"]), median(seconds["fused"])
        print(f"  scan {old * 1e3:.2f} ms, fused {new * 1e3:.2f} ms: {old / new:.2f} times quicker")


if __name__ == "__main__":
    main()
