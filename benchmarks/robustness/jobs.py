"""Small jobs of every kind, each of which goes on in its folder until it has ended: what the soak disturbs.

A job is called as ``job(folder, events)``. It tells ``events`` what it found there, and each value or stage as soon as
the project says that it is saved, and returns its results, arrays by name, which must not depend on how often it was
stopped.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from io import TextIOBase
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray

import bo
import models
from benchmarks.robustness.studies import make_study
from bo import problems
from bo.surrogates.process import process, standardisation
from experiments import nmf_maps
from experiments import process as study_of_a_process
from experiments.lab import resuming
from experiments.process import log
from ferro_jax import trees

TOLD, SAVES = 9, 4  # values of a session; saves of a campaign and of a fit
ANSWER = re.compile(r"^id (\d+), cell \d+: ok")
STAGE = re.compile(r"^  (\w[\w ]*?) +\d+\.\d s wall +\d+\.\d s CPU$")
PROGRAM = 'sh -c "sed 1d {history} | awk -F, \'{s += $2} END {printf \\"cap=%.9f\\", s / NR}\'"'


class Events(NamedTuple):
    """Where a job says what it has ``found`` of earlier ones and what is ``kept`` now."""

    found: Callable[[Iterable[Any]], None]
    kept: Callable[[Any], None]


class _Lines(TextIOBase):
    """A standard output that says of each line of a form that it is kept."""

    def __init__(self, form: re.Pattern[str], events: Events) -> None:
        self.form, self.events, self.rest = form, events, ""

    def write(self, text: str) -> int:
        """Take text, and look through the lines that are complete."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            sys.__stdout__.write(line + "\n")  # pyright: ignore[reportOptionalMemberAccess]
            if found := self.form.match(line):
                self.events.kept(found[1])
        return len(text)


def session(folder: Path, events: Events) -> dict[str, np.ndarray]:
    """Ask, measure, tell and save, one value after the other."""
    lab, place = bo.session(_campaign(steps=TOLD - 3)), folder / "lab"
    begun = (place / "session.json").is_file()
    state = lab.load(place) if begun else lab.start(jax.random.key(4))
    events.found(range(_told(state) + 1) if begun else ())
    while _told(state) < TOLD:
        x = lab.ask(state)
        state, _ = lab.tell(state, x, float(np.sin(5 * x).sum()))
        lab.save(state, place)
        events.kept(_told(state))
    return _leaves(state._replace(key=jax.random.key_data(state.key)))


def _told(state: Any) -> int:
    return len(state.value) if state.state is None else int(state.state.count)


def campaign(folder: Path, events: Events) -> dict[str, np.ndarray]:
    """Run three seeds of a campaign that is saved every three steps."""
    place = folder / "campaign"
    events.found(range(_newest(place) + 1))
    keys, every = jax.random.split(jax.random.key(5), 3), 3
    end = bo.run_resumable(keys, _campaign(), place, every=every, progress=lambda _: events.kept(_newest(place)))
    return _leaves(end)


def fit(folder: Path, events: Events) -> dict[str, np.ndarray]:
    """Train a small VAE that is saved every third epoch."""
    place = folder / "fit"
    events.found(range(_newest(place / "epochs") + 1))
    model = models.vae(models.VAEConfig(shape=(6, 6), hidden=(8,), likelihood="bernoulli"))
    data = jax.random.uniform(jax.random.key(1), (48, 6, 6))
    config = models.FitConfig(epochs=3 * SAVES, batch_size=16)
    with _watched(partial(_newest, place / "epochs"), events):
        return _leaves(models.fit_resumable(jax.random.key(0), model, data, config, place, every=3))


@contextmanager
def _watched(newest: Callable[[], int], events: Events) -> Iterator[None]:
    """Say from a thread what is kept, because a program with a callback of progress is compiled by each process."""
    over = Event()

    def watch() -> None:
        last = newest()
        while not over.wait(0.02):
            if last < (last := newest()):
                events.kept(last)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def study_run(folder: Path, events: Events) -> dict[str, np.ndarray]:
    """Run a study of a process by a program up to its budget."""
    place = folder / "study"
    make_study(place)
    rows = log.read(place, 2).answers
    events.found(row.id for row in rows if row.status == "ok")
    with redirect_stdout(_Lines(ANSWER, events)):
        study_of_a_process.main(["run", str(place), "--command", PROGRAM])
    rows = [row for row in log.read(place, 2).answers if row.status in ("ok", "failed")]
    cells = [-1 if row.cell is None else row.cell for row in rows]
    return {"cell": np.asarray(cells), "cap": np.asarray([row.outcomes.get("cap", np.nan) for row in rows])}


def experiment(folder: Path, events: Events) -> dict[str, np.ndarray]:
    """Run a small nmf_maps, or go on with the one that is there."""
    runs, begun = folder / "runs", resuming.FOLDER
    ended = [path.parent for path in runs.glob("*/*/report.html") if not (path.parent / begun / "begun.json").exists()]
    stopped = sorted(path.parents[1] for path in runs.glob(f"*/*/{begun}/begun.json"))
    if not ended:
        found = stopped[0] if stopped else None
        events.found(path.parent.name for path in (found / begun).glob("*/ended.json")) if found else events.found(())
        words = ["--resume", str(found)] if found else ["--smoke", "--size", "32", "--most", "3", "--runs", str(runs)]
        with redirect_stdout(_Lines(STAGE, events)):
            ended = [nmf_maps.EXPERIMENT.main(words)]
    else:
        events.found(nmf_maps.EXPERIMENT.stages)
    with xarray.open_dataset(ended[0] / "results.nc", engine="h5netcdf") as results:
        return {str(name): np.asarray(values) for name, values in results.load().variables.items()}


def _campaign(steps: int = 9) -> bo.Campaign:
    """Return a campaign on Branin's function over 81 candidates, whose model has a fixed prior."""
    plan = bo.CampaignConfig(initial_points=3, steps=steps, refit_every=3)
    pool = problems.grid(2, 9, jnp.float64)
    return bo.campaign(problems.branin().objective, pool, _surrogate(), bo.variance(), plan)


def _surrogate() -> Any:
    """Return the exact process with a rule of thumb for its fit, because an optimiser takes most of the compilation."""
    model = process(bo.GPConfig())

    def fit(key: Any, params: Any, data: Any) -> Any:
        del key, params
        data = model.cast(data)
        location, scale = standardisation(data)
        theta = model.layout(2).starts(jax.random.key(0), 1)[0]
        skew = jnp.sum(jnp.where(data.mask, (data.y - location) ** 3, 0)) / scale**3 / 30
        once = jnp.ones((), jnp.int32)
        return model.params(theta + 0.3 * jnp.tanh(skew), 2, location, scale), bo.FitInfo(skew, once, once)

    return model.surrogate(lambda key, data: fit(key, None, data)[0], fit)


def _newest(folder: Path) -> int:
    """Return the newest step of a folder of saved states, −1 where there is none."""
    step = trees.newest(folder)
    return -1 if step is None else step


def _leaves(tree: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a tree by their places in it."""
    plain = jax.tree.map(
        lambda leaf: jax.random.key_data(leaf) if jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key) else leaf,
        tree,
    )
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(plain)}


JOBS: dict[str, Callable[[Path, Events], dict[str, np.ndarray]]] = {
    "session": session,
    "campaign": campaign,
    "fit": fit,
    "study": study_run,
    "experiment": experiment,
}
