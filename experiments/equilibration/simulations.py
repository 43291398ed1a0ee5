"""Stages of ``experiments/equilibration/compute.py`` that draw and simulate; what follows is in ``equilibration_relaxation``
and ``equilibration_timing``."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.equilibration.config import Config
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError
from experiments.shared.lattices.setups import synchronous

VARIANTS = {
    "lecture": "lecture preset: a random quarter of the sites moves at each step",
    "synchronous": "lecture preset, but all sites move",
    "physical": "physical preset",
}
KEYS = ("curves", "defects", "subsets", "chance")
CHUNK = 64  # histories per device and call


class Series(NamedTuple):
    """What was observed, (realisation, history, step)."""

    curl: np.ndarray
    along: np.ndarray


def generator(key: jax.Array) -> np.random.Generator:
    """NumPy's random numbers, from a key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def histories(run: Run, keys: dict[str, jax.Array], config: "Config") -> tuple[np.ndarray, np.ndarray]:
    """Field histories (history, step) and random fields of the defects (realisation, component, row, column)."""
    data = jax.jit(lambda key: ferro.damped_oscillation(key, config.histories, config.form))(keys["curves"])
    field = jax.jit(jax.vmap(lambda key: ferro.random_field(key, ferro.lecture().lattice)))
    fields = np.asarray(field(jax.random.split(keys["defects"], config.realisations)), np.float32)
    dims = ("history", "drive_step")
    run.add("curve", dims, data.curves, "1", "field history, in its largest field, with noise")
    run.add("curve_clean", dims, data.clean, "1", "field history before the noise")
    run.add("defects", ("realisation", "component", "row", "column"), fields, "coercive field", "random field")
    run.add("variant", ("variant",), np.array(list(VARIANTS), dtype=object), "1", "how it was simulated", True)
    run.record(histories=config.histories, realisations=config.realisations, longest_hold_steps=config.hold_steps)
    return np.asarray(data.curves), fields


def simulations(
    run: Run, key: jax.Array, curves: np.ndarray, fields: np.ndarray, config: "Config"
) -> dict[str, Series]:
    """What is observed of every history under every variant."""
    series = {}
    for name, setup in _setups(config).items():
        run.describe(setup._replace(name=name))
        series[name] = _simulate(run, name, setup, key, curves, fields)
    _save_series(run, series, config)
    return series


def _setups(config: "Config") -> dict[str, ferro.Setup]:
    lecture = ferro.lecture(jnp.float32)._replace(hold_steps=config.hold_steps)
    physical = ferro.physical(jnp.float32)._replace(hold_steps=config.hold_steps, settle=None)
    return {"lecture": lecture, "synchronous": synchronous(lecture), "physical": physical}


def _simulate(run: Run, name: str, setup: ferro.Setup, key: Any, curves: np.ndarray, fields: np.ndarray) -> Series:
    """Σ|curl P| and mean P_x at every step, of every history on every realisation."""

    def one(curve: Any, field: Any) -> tuple:
        seen = ferro.simulate(
            key,
            curve,
            setup.coercive_field * field,
            setup,
            observe=lambda state: (ferro.target(state, setup), ferro.mean_polarization(state.visible)[0]),
            check=False,
        )
        return *seen.observations, seen.residual

    realisations, histories = len(fields), len(curves)
    lanes = np.tile(curves, (realisations, 1)), np.repeat(fields, histories, axis=0)
    with run.progress(len(lanes[0]), "history") as bar:
        curl, along, residual = over_devices(one, CHUNK)(*lanes, progress=lambda done: bar.update(done - bar.n))
    if not np.isfinite(curl).all():
        lane, step = np.argwhere(~np.isfinite(curl))[0]
        raise RunError(f"{name}: history {lane % histories} went non-finite in step {step}")
    run.record(
        **{
            f"{name}_residual_rate_at_the_end_p50": np.median(residual),
            f"{name}_residual_rate_at_the_end_max": residual.max(),
            f"{name}_time_step_model_time": float(setup.params.dt),
            f"{name}_field_scale_model_units": setup.field_scale * setup.coercive_field,
            "drive_steps": setup.drive_steps,
        }
    )
    shape = (realisations, histories, -1)
    return Series(curl.reshape(shape), along.reshape(shape))


def _save_series(run: Run, series: dict[str, Series], config: "Config") -> None:
    """Every tenth step of all histories, every step of the first few on realisation 0."""
    drive = int(run.metrics["drive_steps"])
    steps = np.unique(
        np.concatenate([np.arange(drive - 1, -1, -10), np.arange(drive - 1, drive + config.hold_steps, 10)])
    )
    run.add("step", ("step",), steps, "1", "steps done before, less one", coordinate=True)
    curl = np.stack([part.curl[..., steps] for part in series.values()])
    run.add("curl", ("variant", "realisation", "history", "step"), curl, "model unit", "sum of |curl P|")
    for name, text in (("curl", "sum of |curl P|"), ("along", "mean P along the field")):
        first = np.stack([getattr(part, name)[0, :6] for part in series.values()])
        run.add(f"example_{name}", ("variant", "example", "every_step"), first, "model unit",
                f"{text} at every step: first histories, realisation 0")  # fmt: skip
