"""What gradients of the objective are worth to a campaign: values alone, values and gradients, random points.

    python -m benchmarks.campaigns.gradients --out FILE
    python -m benchmarks.campaigns.gradients --functions latent     one of branin, hartmann6, latent
    python -m benchmarks.campaigns.gradients --smoke                the same table from a small one

Evaluations until the regret is below two thresholds, and the cost: a value with its gradient counts as three values,
which is what it costs in rollouts of the lattice. log EI in both campaigns, ten seeds. ``latent`` is the Σ|curl P| of
histories that a VAE of two latents decodes, under the physical preset without settling; its thresholds are the lowest
of the best 1 % and .1 % of a grid over the same box. Nothing was tuned on these functions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.lab import runtime

runtime.start()

# isort: split
import jax
import jax.numpy as jnp
import numpy as np

import bo
import ferro_jax as ferro
from benchmarks.campaigns.seeds import over_seeds, parser, save
from experiments.lab.scores import evaluations_to
from experiments.lab.summaries import evaluations
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.options import HistorySettings
from models.histories import decode

GRADIENT_COST = 3  # values that a value with its gradient counts as
SIDE = 60  # of the grid that thresholds of the latent map come from
SHARES = (0.01, 0.001)
EFFORT = {"refit_every": 2, "raw_points": 256, "local_points": 64, "starts": 4}  # of both campaigns


class Function(NamedTuple):
    """An objective over a box, the values to be reached, and evaluations (initial, steps) of both campaigns."""

    objective: Callable[[Any, jax.Array], jax.Array]
    bounds: np.ndarray
    thresholds: tuple[float, ...]
    plain: tuple[int, int]
    gradient: tuple[int, int]


def known(name: str) -> Function:
    """Return a test function on the unit cube; thresholds are regrets."""
    problem = getattr(bo.problems, name)()
    regrets = {"branin": (0.1, 0.001), "hartmann6": (0.5, 0.05)}[name]
    plain, gradient = {"branin": ((8, 32), (4, 16)), "hartmann6": ((10, 50), (6, 18))}[name]
    bounds = np.tile([0.0, 1.0], (problem.dim, 1))
    return Function(problem.objective, bounds, tuple(problem.optimum - regret for regret in regrets), plain, gradient)


def latent(seed: int, smoke: bool) -> Function:
    """Return Σ|curl P| over the latent space of a VAE, within the middle 98 % of the training latents."""
    settings = HistorySettings(histories=600, epochs=5) if smoke else HistorySettings()
    keys = setups.keys(seed)
    learned = histories.learn(keys, histories.draw(keys["data"], settings), settings).learned
    lattices = latent_map.lattices(keys)
    target = latent_map.target_of(
        ferro.physical()._replace(settle=None), lattices.subset_key, lattices.defects
    )  # fmt: skip
    bounds = np.quantile(np.asarray(learned.mean, float), [0.01, 0.99], axis=0).T

    def objective(key: Any, z: jax.Array) -> jax.Array:
        del key
        return target(decode(learned, z).values)[0]

    axes = [np.linspace(*edges, 8 if smoke else SIDE) for edges in bounds]
    grid = jnp.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
    values = np.asarray(jax.jit(lambda grid: jax.lax.map(lambda z: objective(None, z), grid, batch_size=64))(grid))
    thresholds = tuple(float(np.quantile(values, 1 - share)) for share in SHARES)
    print(f"latent map: median {np.median(values):.2f}, largest {values.max():.2f}, thresholds {thresholds}")
    return Function(objective, bounds, thresholds, (8, 40), (4, 16))


def best_so_far(name: str, function: Function, smoke: bool) -> Callable[[jax.Array], jax.Array]:
    """Return the program (key) -> best value after each evaluation of a method."""
    rule, bounds = bo.log_expected_improvement(), function.bounds
    initial, steps = function.gradient if name == "gradients" else function.plain
    config = bo.BoxConfig(initial, 2 if smoke else steps, learn_failures=False, **EFFORT)
    if name == "gradients":
        return lambda key: bo.run_with_slopes(key, function.objective, bounds, rule, config).best
    if name == "plain":
        campaign = bo.box(function.objective, bounds, bo.gaussian_process(), rule, config)
        return lambda key: bo.run(key, campaign)[1].best

    def random(key: jax.Array) -> jax.Array:
        low, high = jnp.asarray(bounds).T
        points = jax.random.uniform(key, (config.evaluations, len(low)), minval=low, maxval=high)
        return jax.lax.cummax(jax.lax.map(lambda x: jnp.asarray(function.objective(None, x), float), points))

    return random


def main() -> None:
    """Measure and print the table."""
    options = parser(__doc__, seeds=10)
    options.add_argument("--functions", nargs="+", default=["branin", "hartmann6", "latent"])
    options = options.parse_args()
    keys = jax.random.split(jax.random.key(options.seed), 2 if options.smoke else options.seeds)
    measured: dict[str, Any] = {}
    for name in options.functions:
        function = latent(options.seed, options.smoke) if name == "latent" else known(name)
        for method in ("plain", "gradients", "random"):
            found = over_seeds(best_so_far(method, function, options.smoke), keys)
            best = np.asarray(found.result)
            cost = GRADIENT_COST if method == "gradients" else 1
            rows = [evaluations(evaluations_to(best >= level), best.shape[1]) for level in function.thresholds]
            measured[f"{name} {method}"] = {"best": best, "cpu_s": found.cpu_s, "thresholds": rows}
            for level, row in zip(function.thresholds, rows, strict=True):
                q = [row[f"evaluations_{end}"] for end in ("median", "q25", "q75")]
                print(
                    f"{name:10} {method:10} to {level:.4g}: {q[0]:.1f} [{q[1]:.1f}, {q[2]:.1f}] evaluations of "
                    f"{best.shape[1]}, cost {cost * q[0]:.0f}; never {100 * row['never_share']:.0f} %; "
                    f"{found.cpu_s / len(keys):.1f} CPU-s a seed",
                    flush=True,
                )
    save(options.out, measured)


if __name__ == "__main__":
    main()
