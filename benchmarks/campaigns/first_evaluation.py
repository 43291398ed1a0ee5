"""Processor time before the first evaluation: tracing and compilation of a campaign, a deep kernel's and a VAE's fit.

    python -m benchmarks.campaigns.first_evaluation                     each in processes of its own: minutes
    python -m benchmarks.campaigns.first_evaluation --only campaign --rounds 3
    python -m benchmarks.campaigns.first_evaluation --only short --plain    four sizes, and compiled as JAX does

``campaign`` is the reference job (100 + 500 evaluations of 10,000 cells), ``short`` one of 10 + 40 among 900.
``session_pool`` and ``session_box`` are the first 12 values of a session of 50: all of it, compilation included, in
``compile``. So is ``fit``, one epoch of 600 curves as ``fit_vae`` trains; ``vae`` is the same in one program.

Each round is a process with an empty compilation cache and, after it, a second one that finds the programs there. CPU
seconds of the whole process with all its threads: ``trace`` from Python to StableHLO, ``compile`` of XLA, ``cached``
both in the second process. Lines are those of the StableHLO, fusions the loops that XLA writes machine code for.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bo
import models
from benchmarks.campaigns.landscape import landscape
from benchmarks.peers import ROOT
from benchmarks.timing import timed
from models.features import mlp
from models.training.pieces import fit_pieces

PROGRAMS = ("campaign", "short", "deep_kernel", "vae", "fit", "session_pool", "session_box")
BLANK = dict.fromkeys(("trace", "first_run", "run", "lines", "fusions"), float("nan"))
SESSION, TOLD = bo.CampaignConfig(initial_points=5, steps=45, refit_every=5), 12


def program(name: str, plain: bool) -> tuple[Any, Any, dict[str, Any]]:
    """Return a function, its argument and the options that it is compiled with."""
    axis = jnp.linspace(-10, 10, {"campaign": 100, "short": 30}.get(name, 20))
    pool = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    if name == "vae":
        model, config = models.vae(models.VAEConfig()), models.FitConfig(epochs=1)
        return lambda data: models.fit(jax.random.key(2), model, data, config)[1].train["loss"], curves(), {}
    if name == "campaign":
        parts = bo.gaussian_process(), bo.upper_confidence_bound(10.0), bo.CampaignConfig(100, 500, 25)
    elif name == "short":
        plan = bo.CampaignConfig(10, 40, 10, buckets=4 if plain else None)
        parts = bo.gaussian_process(), bo.log_expected_improvement(), plan
    else:
        table = bo.fit_features(jax.random.key(0), np.asarray(pool), (bo.raw(),))
        pool, kernel = table.table, bo.published_deep_kernel(table.blocks, mlp((2, 64, 64, 2), "relu"))
        parts = kernel, bo.log_expected_improvement(), bo.CampaignConfig(20, 20, 10)
    campaign = bo.campaign(landscape(), pool, *parts)
    return lambda key: bo.run(key, campaign)[1].value, jax.random.key(0), {} if plain else bo.compiler_options()


def curves() -> np.ndarray:
    """Return 600 curves of 900 samples."""
    return np.random.default_rng(0).normal(size=(600, 900)).astype(np.float32)


def fit() -> dict[str, float]:
    """Train for an epoch, piece by piece; return the CPU seconds of all."""
    x, model = curves(), models.vae(models.VAEConfig())
    begun = time.process_time()
    fit_pieces(jax.random.split(jax.random.key(2), 1), model, x[:480], x[480:], models.FitConfig(epochs=1))
    return BLANK | {"compile": time.process_time() - begun}


def session(name: str) -> dict[str, float]:
    """Tell a new session its first values; return the CPU seconds of all, and of the last one."""
    pool, rule = bo.problems.grid(2, 30), bo.log_expected_improvement()
    if name == "session_pool":
        campaign = bo.campaign(lambda key, x: 0.0, pool, bo.gaussian_process(), rule, SESSION)
    else:
        plan, bounds = bo.BoxConfig(initial_points=5, steps=45), jnp.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
        campaign = bo.box(lambda key, x: 0.0, bounds, bo.gaussian_process(), rule, plan)
    begun = last = time.process_time()
    lab = bo.session(campaign)
    state = lab.start(jax.random.key(0))
    for _ in range(TOLD):
        last = time.process_time()
        x = lab.ask(state)
        state, _ = lab.tell(state, x, float(np.sin(3 * np.asarray(x)).sum()))
    done = time.process_time()
    return BLANK | {"compile": done - begun, "run": done - last}


def measure(name: str, plain: bool) -> dict[str, float]:
    """Compile a program and run it once; return CPU seconds and counts."""
    if name.startswith("session"):
        return session(name)
    if name == "fit":
        return fit()
    run, argument, options = program(name, plain)
    begun = time.process_time()
    lowered = jax.jit(run, compiler_options=options).lower(argument)
    traced = time.process_time()
    compiled = lowered.compile()
    done = time.process_time()
    _, first, _ = timed(compiled, argument)
    _, again, _ = timed(compiled, argument)
    return {
        "trace": traced - begun,
        "compile": done - traced,
        "first_run": first,
        "run": again,
        "lines": lowered.as_text().count("\n"),
        "fusions": compiled.as_text().count(" fusion("),
    }


def in_a_process(name: str, cache: str, plain: bool) -> dict[str, float]:
    """Return what ``measure`` says in a process of its own that keeps its programs in the folder ``cache``."""
    command = [sys.executable, "-m", "benchmarks.campaigns.first_evaluation", "--measure", name]
    command += ["--plain"] if plain else []
    settings = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {**os.environ, **settings, "JAX_ENABLE_X64": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: list[str] | None = None) -> None:
    """Measure the programs asked for and print medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", choices=PROGRAMS, help="one program in this process, as JSON: for the command")
    parser.add_argument("--out", type=Path, help="JSON of everything measured")
    parser.add_argument("--plain", action="store_true", help="compiled as JAX does, four sizes of a short one")
    options = parser.parse_args(argv)
    if options.measure:
        print(json.dumps(measure(options.measure, options.plain)))
        return
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
    for _ in range(options.rounds):
        for name, rows in measured.items():
            with tempfile.TemporaryDirectory() as cache:
                row, second = (in_a_process(name, cache, options.plain) for _ in range(2))
            rows.append(row | {"cached": float(np.nansum([second["trace"], second["compile"]]))})
            print(name, {key: round(value, 2) for key, value in rows[-1].items()}, flush=True)
    columns = ("trace", "compile", "cached", "run", "lines", "fusions")
    print(f"{'':12}" + "".join(f"{column:>10}" for column in columns))
    for name, rows in measured.items():
        middle = [float(np.median([row[column] for row in rows])) for column in columns]
        print(f"{name:12}" + "".join(f"{value:10.2f}" for value in middle))
    if options.out:
        options.out.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
