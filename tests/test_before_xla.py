"""What XLA reads when it starts is set by whichever package comes first, and the locked JAX computes right with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from ferro_jax import before_xla
from ferro_jax.before_xla import NO_SUMS_BY_YNNPACK
from helpers.compilation import user_environment

ROOT = Path(__file__).parent.parent
ROWS = (1_000, 1_024, 16_384, 16_385, 32_769, 100_000)
SUMS = """
import json, sys
{first}
import jax, jax.numpy as jnp, numpy as np

jax.config.update("jax_enable_x64", True)
wrong = {{}}
for name in ("float32", "float64"):
    for n in {rows}:
        rng = np.random.default_rng(n)
        m, r = rng.normal(size=(3, 3)).astype(name), rng.normal(size=(n, 3)).astype(name)
        found = {{
            "norms": jax.jit(jax.vmap(lambda r: jnp.sum((m @ r) ** 2)))(r),
            "sums": jax.jit(lambda r: (r @ jnp.ones((3, 4), r.dtype)).sum(-1))(r),
        }}
        expected = {{"norms": ((r @ m.T.astype(np.float64)) ** 2).sum(-1), "sums": 4 * r.sum(-1, dtype=np.float64)}}
        for what, values in found.items():
            close = np.isclose(values, expected[what], rtol=1e-4, atol=1e-4)
            wrong[f"{{what}} of {{n}} rows in {{name}}"] = int(np.sum(~close))
print(json.dumps(wrong))
"""
FACTORS = """
{first}
import jax, jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

def fit(key):
    x = jax.random.uniform(key, (200, 2))
    distance = jnp.sum((x[:, None] - x[None]) ** 2, -1)

    def loss(scale):
        gram = jnp.exp(-distance / scale) + 1e-2 * jnp.eye(200)
        factor = jnp.linalg.cholesky(gram)
        z = jax.scipy.linalg.solve_triangular(factor, jnp.sin(9 * x[:, 0]), lower=True)
        rows = jax.scipy.linalg.solve_triangular(factor, gram, lower=True)
        return z @ z / 2 + jnp.log(jnp.diag(factor)).sum() + 1e-3 * jnp.sum(rows**2)

    step = lambda scale, _: (jnp.clip(scale - 1e-5 * jax.grad(loss)(scale), 0.1, 1.0), None)
    return jax.lax.scan(step, jnp.asarray(0.3), None, length=8)[0]

print(jnp.all(jnp.isfinite(jax.jit(jax.vmap(fit))(jax.random.split(jax.random.key(0), 16)))))
"""
STATE = "import os, json; print(json.dumps([os.environ.get(name) for name in ('XLA_FLAGS', 'NPROC')]))"


def run_code(code: str, **environment: str) -> subprocess.CompletedProcess:
    """Run Python code as a user does: with no flag and no number of threads but those given."""
    kept = {name: value for name, value in user_environment().items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done


def test_sums_over_products_are_right_at_any_number_of_rows():
    """Compiled as users' programs are. Without the flag jaxlib 0.10.2 fails here from 1,024 rows on."""
    wrong = json.loads(run_code(SUMS.format(first="import bo", rows=ROWS)).stdout)
    assert len(wrong) == 2 * 2 * len(ROWS) and not any(wrong.values()), wrong


def test_a_batch_of_factorisations_in_a_scan_ends_on_few_cores():
    """With a pool of two threads this waits for ever; the time limit of ``run_code`` ends it."""
    assert run_code(FACTORS.format(first="import bo")).stdout == "True\n"


def test_the_suite_itself_runs_with_the_flag_and_two_devices():
    assert NO_SUMS_BY_YNNPACK in os.environ["XLA_FLAGS"].split() and jax.device_count() == 2
    assert jax.config.jax_compilation_cache_dir == os.environ["JAX_COMPILATION_CACHE_DIR"]  # programs are kept


@pytest.mark.parametrize("package", ["ferro_jax", "models", "bo", "experiments"])
def test_each_package_sets_flag_and_threads_when_it_comes_first(package):
    done = run_code(f"import {package}; {STATE}; import sys; assert 'jax' not in sys.modules")
    threads = str(before_xla.THREADS) if before_xla.cores() < before_xla.THREADS else None
    assert json.loads(done.stdout) == [NO_SUMS_BY_YNNPACK, threads]
    assert not done.stderr


@pytest.mark.parametrize(("environment", "expected"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_scipy_that_comes_first_works_on_one_thread_too_unless_the_user_says_otherwise(environment, expected):
    told = "from threadpoolctl import threadpool_info; print(json.dumps(threadpool_info()))"
    done = run_code(f"import json, scipy.linalg, numpy; import ferro_jax; {told}", **environment)
    threads = {Path(each["filepath"]).parent.name: each["num_threads"] for each in json.loads(done.stdout)}
    assert threads["scipy.libs"] == expected
    assert threads["numpy.libs"] == int(environment.get("OPENBLAS_NUM_THREADS", before_xla.cores()))


def test_after_jax_but_before_xla_it_is_early_enough():
    """``import jax`` reads no flag: a notebook may import JAX first, silently, as long as nothing is computed."""
    done = run_code(SUMS.format(first="import jax, flax; import ferro_jax", rows=[1_024]))
    assert not any(json.loads(done.stdout).values()) and not done.stderr


def test_too_late_is_said_in_words_once():
    done = run_code(f"import jax; jax.devices()\nimport bo\nimport models, ferro_jax, experiments\n{STATE}")
    assert json.loads(done.stdout) == [None, None]
    assert done.stderr.count("RuntimeWarning") == 1 and "<string>:2: RuntimeWarning" in done.stderr
    words = ("XLA_FLAGS=" + NO_SUMS_BY_YNNPACK, "sums over products", "before the first JAX computation", "gpjax")
    assert all(word in done.stderr for word in words), done.stderr


def test_flags_that_replace_ours_after_the_import_get_it_back_or_a_warning():
    """Notebooks import first and set the number of host devices later, in place of what ``XLA_FLAGS`` held."""
    other = "--xla_force_host_platform_device_count=2"
    replaced = f"import os; os.environ['XLA_FLAGS'] = '{other}'; "
    names = (
        "ferro_jax.Lattice",
        "models.VAEConfig",
        "bo.CampaignConfig",
    )  # the last starts XLA by gpjax
    early = run_code("\n".join(f"import {name.split('.')[0]}; {replaced}{name}; {STATE}" for name in names))
    for name, line in zip(names, early.stdout.splitlines(), strict=True):
        assert json.loads(line)[0] == f"{other} {NO_SUMS_BY_YNNPACK}", name
    assert not early.stderr
    late = run_code(f"import bo; {replaced}import jax; jax.devices(); bo.CampaignConfig")
    assert "sums over products" in late.stderr


def test_a_small_job_compiles_quickly_unless_the_user_says_otherwise():
    """In double precision, and with a device for each core, which JAX would not do were it imported too early."""
    code = (
        "from experiments.lab import runtime; assert runtime.start(small={}) == runtime.CORES; "
        "import jax.numpy as jnp; assert jnp.ones(1).dtype == float; {}"
    )
    level = "--xla_backend_optimization_level"
    small = json.loads(run_code(code.format(True, STATE), XLA_FLAGS=f"{level}=3").stdout)[0].split()
    assert f"{level}=3" in small and "--xla_cpu_use_fusion_emitters=false" in small
    assert len([flag for flag in small if flag.startswith(level)]) == 1
    assert "fusion_emitters" not in json.loads(run_code(code.format(False, STATE)).stdout)[0]


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    """A job of two cores on a node of 64 has a pool of two threads."""
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr(before_xla, "_started", lambda: False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    before_xla.prepare()
    assert os.environ.pop("NPROC") == str(before_xla.THREADS)


def test_flags_of_the_user_stay_first_and_decide():
    ours = "--xla_cpu_experimental_ynn_fusion_type"
    other = "--xla_cpu_use_fusion_emitters=false"
    for given, expected in {
        other: f"{other} {NO_SUMS_BY_YNNPACK}",
        f"{ours}=-dot {other}": f"{ours}=-dot {other}",
    }.items():
        done = run_code(f"import bo, models; {STATE}", XLA_FLAGS=given, NPROC="3")
        assert json.loads(done.stdout) == [expected, "3"]


def test_a_file_of_flags_is_left_alone_and_what_it_lacks_is_said(tmp_path):
    """XLA reads ``XLA_FLAGS`` as a path where it does not begin with a hyphen."""
    file = tmp_path / "flags"
    for text, warned in {NO_SUMS_BY_YNNPACK: False, "--xla_cpu_use_fusion_emitters=false": True}.items():
        file.write_text(text)
        done = run_code(f"import bo; {STATE}", XLA_FLAGS=str(file))
        assert json.loads(done.stdout)[0] == str(file)
        assert ("sums over products" in done.stderr) == warned == (f"add it to the file {file}" in done.stderr)


def test_no_other_jaxlib_gets_a_flag_that_it_may_not_know(monkeypatch):
    """XLA aborts the process on a flag that it does not know."""
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(before_xla, "_started", lambda: False)
    monkeypatch.setattr(before_xla, "version", lambda name: "0.10.1")
    before_xla.prepare()
    assert os.environ["XLA_FLAGS"] == ""


def test_a_flag_is_added_once(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=1")
    monkeypatch.setattr(before_xla, "_started", lambda: False)
    for flag in ("--xla_b=2", "--xla_b=3", "--xla_a=4"):
        before_xla.add_flag(flag)
    assert os.environ["XLA_FLAGS"] == "--xla_a=1 --xla_b=2"
