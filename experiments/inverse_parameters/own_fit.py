"""From a measured loop to parameters with intervals: fits under several draws of the defects, then a posterior."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.inverse_parameters import own_words
from experiments.inverse_parameters.config import PARAMETERS, Config
from experiments.inverse_parameters.own_loops import Loop, loop_of_file
from experiments.inverse_parameters.own_model import (
    in_units_of,
    loop_problem,
    refuse_too_few,
    response,
    told,
    weights_of,
)
from experiments.inverse_parameters.own_noise import noise_of
from experiments.inverse_parameters.own_posterior import posterior_of
from experiments.inverse_parameters.own_search import best_fit, programs_of
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome, RunError

TRUTH = {"alpha1": 0.1, "depolarization": 0.3, "mobility": 0.2, "disorder": 0.3, "bias_scale": 0.8,
         "response_scale": 0.1, "offset": 0.15, "imprint": 0.05}  # fmt: skip
SIMULATED = (64, 8.0, 0.03)  # steps of the bias, largest bias in volts, noise over half the extent
SEARCHES = 0.3  # of all progress, about


def loop_of(key: jax.Array, config: Config) -> Loop:
    """Return the loop of the user's file, or a simulated one under defects that the fit is not given."""
    if config.path:
        return loop_of_file(config.path, config.dataset, config.point, config.own_noise, config.bias)
    steps, reach, share = SIMULATED
    quarter = np.linspace(0, reach, steps // 4 + 1)[:-1]
    bias = np.concatenate([quarter, reach - quarter, -quarter, quarter - reach])
    blank = Loop(
        bias, np.where(bias > np.roll(bias, 1), -1.0, 1.0), np.ones(steps, bool), share, "simulated loop", "V", "1"
    )
    to_defects, to_noise = jax.random.split(key)
    problem = loop_problem(to_defects, blank, config)._replace(fitted=np.ones(len(PARAMETERS), bool))
    truth = {name: TRUTH.get(name, 0.0) for name in PARAMETERS}
    point = jnp.array(list(truth.values())) / problem.prior
    clean = np.asarray(jax.jit(partial(response, problem))(point))
    noisy = clean + share * np.asarray(jax.random.normal(to_noise, (steps,)))
    loop = blank._replace(response=noisy)
    begun = loop_problem(to_defects, loop, config)
    truth["bias_scale"] += float(np.log(problem.start_scale / begun.start_scale))
    truth = in_units_of(truth, blank, loop)
    return loop._replace(truth=truth)


@once
def own_loop(
    keys: jax.Array, loop: Loop, config: Config, progress: Callable[[float], object] = lambda share: None
) -> Outcome:
    """Return what a loop tells, the parameters with their intervals, and how they depend on the draw of the defects.

    ``progress`` gets the share that is done. RunError where no fit comes to a finite point.
    """
    to_defects, to_starts, to_draws = jax.random.split(keys, 3)
    problems = [loop_problem(key, loop, config) for key in jax.random.split(to_defects, config.defect_draws)]
    refuse_too_few(problems[0])
    programs = programs_of(problems[0])
    done, total = 0, config.defect_draws * config.own_generations

    def step() -> None:
        nonlocal done
        done += 1
        progress(SEARCHES * done / total)

    fits = [
        best_fit(programs, key, problem, config.own_generations, step)
        for key, problem in zip(jax.random.split(to_starts, config.defect_draws), problems, strict=True)
    ]
    modes = np.stack([np.asarray(fit.mode) for fit in fits])
    squares = np.array([2 * float(fit.half_squares) - np.sum(fit.mode**2) for fit in fits])  # without the prior's
    best = int(np.argmin(squares))
    if not np.isfinite(squares[best]):
        raise RunError("no fit of the loop came to a finite point: check the bias and the response of the file")
    problem = problems[best]
    noise = noise_of(problem, jnp.asarray(modes[best]))
    weights = jnp.asarray(weights_of(loop, noise.used))
    fits = [
        programs.polished(each.lattice.defects, weights, jnp.asarray(mode))
        for each, mode in zip(problems, modes, strict=True)
    ]
    modes = np.where(np.isfinite(squares)[:, None], [np.asarray(fit.mode) for fit in fits], np.nan)
    fitted = fits[best]
    draws = posterior_of(
        to_draws,
        problem,
        weights,
        fitted,
        config.own_population,
        lambda share: progress(SEARCHES + (1 - SEARCHES) * share),
    )
    parameters, found = own_words.of_parameters(problem, modes, draws, told(problem, fitted.mode, noise.used))
    arrays = own_words.of_loop(problem, fitted.mode, draws) | parameters
    arrays["own_misfit"] = squares / loop.known.sum()
    effective = float(draws.effective)
    return Outcome(
        arrays,
        own_words.numbers_of(problem, arrays, found, noise, effective),
        own_words.words_of(loop, found, noise, effective, config),
    )
