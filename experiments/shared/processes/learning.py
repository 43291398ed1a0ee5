"""Generated histories of a process, learned by a VAE, and the cells of its latent space decoded to candidates."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.lab import checkpoints
from experiments.lab.checkpoints import once
from experiments.lab.parallel import over_devices
from experiments.lab.run import Outcome
from experiments.shared.processes.options import ProcessSettings
from experiments.shared.processes.records import Histories, Process
from models import histories, latent
from models.histories.learning import default_fit

CHUNK = 250  # histories a device and call


class Evaluated(NamedTuple):
    """Histories that a process followed: values [n samples], duration [n] in s, and each outcome [n] by its name."""

    values: np.ndarray
    duration: np.ndarray
    outcomes: Mapping[str, np.ndarray]

    @property
    def value(self) -> np.ndarray:
        """What is maximised, (n,); NaN where the process failed."""
        return self.outcomes["value"]


class Candidates(NamedTuple):
    """Cells inside the support: latent coordinates [cell z] and the decoded histories with their outcomes."""

    z: np.ndarray
    evaluated: Evaluated


@once
def learn(
    key: jax.Array, drawn: Histories, process: Process, settings: ProcessSettings, progress: Callable[..., Any] | None
) -> tuple[histories.Learned, latent.Pool]:
    """Train the VAE on generated histories, and decode its cells; problems it reports are kept in the record."""
    control = process.control
    data = histories.from_arrays(
        np.asarray(drawn.values, float),
        duration=np.asarray(drawn.duration, float),
        names=(control.name,),
        units=(control.units,),
        time_unit="s",
    )
    fit = default_fit(len(data.values))
    if settings.epochs:
        fit = replace(fit, epochs=settings.epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the report says the same
        learned = histories.learn(
            data,
            key=key,
            latent=settings.latent,
            bounds=(control.low, control.high),
            fit_config=fit,
            progress=progress,
            folder=checkpoints.folder(),
        )
    return learned, latent.pool(learned, settings.cells).supported


def epochs_of(settings: ProcessSettings) -> int:
    """Return the epochs that the training will take at most."""
    return settings.epochs or default_fit(settings.histories).epochs


def in_jax(outcomes: Callable[..., dict[str, Any]]) -> Callable[[np.ndarray, np.ndarray], Evaluated]:
    """Return ``evaluate(values, duration)`` of a process whose ``outcomes(history, duration)`` JAX computes."""
    call = over_devices(outcomes, CHUNK)

    def evaluate(values: np.ndarray, duration: np.ndarray) -> Evaluated:
        return Evaluated(values, duration, call(values, duration))

    return evaluate


def described(drawn: Histories, learned: histories.Learned, generated: Evaluated, candidates: Candidates) -> Outcome:
    """Return the histories, the latent space and the candidates with their outcomes, as arrays and numbers."""
    report, value = learned.report, candidates.evaluated.value
    arrays = {
        "history": generated.values,
        "duration": generated.duration,
        "family": np.asarray(drawn.family),
        "latent_mean": learned.mean,
        "cell_latent": candidates.z,
        "cell_history": candidates.evaluated.values,
        "cell_duration": candidates.evaluated.duration,
        **{f"generated_{name}": values for name, values in generated.outcomes.items()},
        **{f"cell_{name}": values for name, values in candidates.evaluated.outcomes.items()},
    }
    numbers = {
        "histories": report.histories,
        "reconstruction_error_share": report.error,
        "reconstruction_error_principal_components_share": report.linear_error,
        "duration_error_share": report.duration_error,
        "cells": len(value),
        "cells_failed_share": np.isnan(value).mean(),
        "cells_worst": np.nanmin(value),
        "cells_best": np.nanmax(value),
        "cells_median": np.nanmedian(value),
        "generated_failed_share": np.isnan(generated.value).mean(),
        "generated_best": np.nanmax(generated.value),
        "generated_median": np.nanmedian(generated.value),
    }
    return Outcome(arrays, numbers, {"problems_of_the_latent_space": " ".join(report.problems) or "none"})
