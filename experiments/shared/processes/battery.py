"""Fast charging of a lithium-ion cell: current histories of 15 minutes, judged by charge, heat and lithium plating.

PyBaMM simulates in processes of its own (``battery_worker.py``), in the environment of the Python interpreter that is
named: pip install 'ferro-jax[battery]', or PyBaMM alone in another environment.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from experiments.lab.checkpoints import once
from experiments.shared.processes.records import (
    Control,
    Histories,
    Measured,
    Process,
    mixed,
    places,
    stages,
    uniform,
    wander,
)  # fmt: skip

SECONDS = 900.0
CONTROL = Control("current", "A", 0.0, 20.0)
HOT, PER_KELVIN = 45.0, 0.1  # °C, Ah/K: the cell's data sheet ends charging at 45 °C
PLATING, PER_VOLT = 0.0, 10.0  # V, Ah/V: below 0 V against lithium, metallic lithium is deposited
OUTCOMES = (
    Measured("value", "Ah", "charge less 0.1 Ah for each K above 45 °C and 0.01 Ah for each mV below 0 V"),
    Measured("charge", "Ah", "charge in 15 minutes"),
    Measured("temperature", "°C", "largest temperature"),
    Measured("plating", "V", "smallest potential of the negative electrode against lithium"),
)
FAMILIES = ("constant", "taper", "stages", "ramp", "pulses", "wander")
TABLE = Path(__file__).with_name("battery_table.npz")
WORKER = Path(__file__).with_name("battery_worker.py")
CHUNK = 64  # histories a process: building the model takes as long as 15 of them
ADVICE = "pip install 'ferro-jax[battery]', or name the Python that has PyBaMM"
HAS_PYBAMM = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pybamm') is None)"


class Charged(NamedTuple):
    """Outcomes of charging, (n,) each. ``value`` is NaN where ``failed``: the cell was cut off at 4.2 V."""

    value: Float[np.ndarray, " n"]
    charge: Float[np.ndarray, " n"]
    temperature: Float[np.ndarray, " n"]
    plating: Float[np.ndarray, " n"]
    voltage: Float[np.ndarray, " n"]
    failed: Bool[np.ndarray, " n"]


def draw(key: jax.Array, count: int) -> Histories:
    """Draw charging histories from six families in equal shares, between 0 and 20 A.

    Constant current; current that falls exponentially; two to five stages; a straight ramp; rectangular pulses; smooth
    random curves. Their means lie between about 1 and 16 A (0.2 and 3.2 C).
    """
    each = -(-count // len(FAMILIES))
    keys = iter(jax.random.split(key, 20))
    unit = places()

    def between(low: float, high: float) -> jax.Array:
        return uniform(next(keys), each, low, high)[:, None]

    constant = between(2.0, 16.0) + 0 * unit
    last = between(0.0, 5.0)
    taper = last + (between(6.0, 20.0) - last) * jnp.exp(-unit / between(0.2, 2.0))
    edges = jnp.sort(uniform(next(keys), each, 0.02, 0.98, columns=4), axis=1)
    level = uniform(next(keys), each, 2.0, 15.0, columns=5)
    several = stages(edges, level)
    first = between(0.0, 17.0)
    ramp = first + (between(0.0, 17.0) - first) * unit
    phase = unit / between(0.04, 0.25) + between(0.0, 1.0)
    base = between(0.0, 10.0)
    pulses = jnp.where(phase % 1 < between(0.3, 0.9), base + between(1.0, 10.0), base)
    smooth = between(3.0, 12.0) + between(0.5, 4.0) * wander(next(keys), each, 6)
    values, family = mixed([constant, taper, several, ramp, pulses, smooth])
    duration = jnp.full(count, SECONDS, jnp.float32)
    return Histories(jnp.clip(values, CONTROL.low, CONTROL.high)[:count], duration, family[:count])


def table() -> tuple[Histories, Charged]:
    """Return 1,000 generated histories and what PyBaMM made of them, for tests and benchmarks without PyBaMM.

    ``charge(draw(jax.random.key(0), 1000).values)`` made the table, with PyBaMM 26.10.1.
    """
    with np.load(TABLE) as file:
        return jax.jit(draw, static_argnums=1)(jax.random.key(0), 1000), Charged(**file)


def value(charge: Any, temperature: Any, plating: Any) -> Any:
    """Return charge (Ah) less penalties: 0.1 Ah/K above 45 °C, 10 Ah/V below 0 V against lithium."""
    heat, below = temperature - HOT, PLATING - plating
    return charge - PER_KELVIN * heat * (heat > 0) - PER_VOLT * below * (below > 0)


@once
def charge(
    current: Float[np.ndarray, "n samples"],
    *,
    python: str = "",
    workers: int = 1,
    progress: Callable[[int], Any] | None = None,
) -> Charged:
    """Charge a cell with each history (A, 15 minutes) in ``workers`` processes of PyBaMM; ``progress(done)`` by chunk.

    ``python`` is the interpreter that has PyBaMM, by default this one. ValueError for currents that are negative or not
    finite. RuntimeError with the worker's own words if it ends without an answer.
    """
    current = np.asarray(current, float)
    if current.ndim != 2 or not np.isfinite(current).all() or (current < CONTROL.low).any():
        raise ValueError(f"currents of shape {current.shape}: expected a table [n samples] of finite A, none negative")
    chunks = [current[at : at + CHUNK] for at in range(0, len(current), CHUNK)]
    parts, done = [], 0
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for part in pool.map(lambda chunk: _ask(chunk, python or sys.executable), chunks):
            parts.append(part)
            done += len(part["failed"])
            if progress is not None:
                progress(done)
    out = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    judged = value(out["charge"], out["temperature"], out["plating"])
    judged = np.where(out["failed"], np.nan, judged)
    return Charged(judged, out["charge"], out["temperature"], out["plating"], out["voltage"], out["failed"])


def lacking(python: str = "") -> str:
    """Return in words why PyBaMM cannot run under an interpreter, by default this one; "" where it can."""
    python = python or sys.executable
    try:
        done = subprocess.run([python, "-P", "-c", HAS_PYBAMM], capture_output=True, check=False)
    except OSError as error:
        return f"{python} cannot be started ({error}): {ADVICE}"
    return f"{python} has no PyBaMM: {ADVICE}" if done.returncode else ""


def _ask(current: np.ndarray, python: str) -> dict[str, np.ndarray]:
    """Let one process of PyBaMM charge with these histories."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "histories.npz", Path(folder) / "outcomes.npz"
        np.savez(asked, current=current, seconds=SECONDS)
        command = [python, "-P", str(WORKER), str(asked), str(answered)]
        quiet = {**os.environ, "PYBAMM_DISABLE_TELEMETRY": "true"}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
        except OSError as error:
            raise RuntimeError(f"{python} cannot be started ({error}): {ADVICE}") from error
        if done.returncode or not answered.is_file():
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise RuntimeError(f"PyBaMM under {python} gave no answer ({last[0]}): {ADVICE}")
        with np.load(answered) as file:
            return dict(file)


PROCESS = Process("battery", CONTROL, OUTCOMES, FAMILIES, draw)
