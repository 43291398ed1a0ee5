"""The fused kernel of the benchmarks: interpreted it equals the scan, and it can be lowered for CUDA."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import ferro_jax as ferro
from benchmarks.simulator import fused_kernel


@pytest.mark.parametrize("boundary", ["open", "periodic", "grounded"])
def test_interpreted_kernel_equals_the_scan(key, boundary):
    lattice = ferro.Lattice((6, 5), boundary)
    to_local, to_applied = jax.random.split(key)
    local = 2 * jax.random.normal(to_local, (2, 6, 5), jnp.float32)
    applied = 10 * jax.random.normal(to_applied, (2, 15, 2), jnp.float32)
    scan, fused = fused_kernel.runs(lattice, applied, local, interpret=True)
    with jax.numpy_rank_promotion("allow"):  # Pallas' interpreter promotes ranks itself
        np.testing.assert_allclose(jax.jit(fused)(applied), jax.jit(scan)(applied), atol=2e-6)


def test_kernel_is_lowered_for_cuda(key):
    lattice = ferro.Lattice((20, 20))
    local, applied = jnp.zeros((2, 20, 20), jnp.float32), jnp.zeros((4, 15, 2), jnp.float32)
    _, fused = fused_kernel.runs(lattice, applied, local, interpret=False)
    unchecked = [export.DisabledSafetyCheck.custom_call("__gpu$xla.gpu.triton")]
    with jax.numpy_rank_promotion("allow"):
        lowered = export.export(jax.jit(fused), platforms=["cuda"], disabled_checks=unchecked)(applied)
    assert "__gpu$xla.gpu.triton" in lowered.mlir_module()


@pytest.mark.slow
def test_the_jobs_for_a_gpu_and_the_table_of_sizes_run_in_small():
    def printed(module):
        command = [sys.executable, "-m", module, "--smoke"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

    seconds = printed("benchmarks.gpu")["seconds"]
    assert len(seconds) == 6 and min(seconds.values()) > 0
    sections = printed("benchmarks.simulator.sizes")["sections"]
    assert [len(section["rows"]) for section in sections[:2]] == [2, 2]
