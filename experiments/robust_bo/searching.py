"""Searches under a condition: a campaign whose evaluations draw worlds of their own, and an ascent that ends it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import bo
import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.robust_bo.config import Config
from experiments.robust_bo.worlds import World, robust_value
from experiments.shared.lattices.ascent import ascent
from models.evaluation.support import support_of
from models.histories import Learned
from models.histories.coding import decode_one

REFIT_EVERY, BUCKETS = 20, 1


class Programs(NamedTuple):
    """Compiled searches of a set-up: (key, bank of worlds, whether the worst counts) -> the cells recommended after
    every evaluation and the values seen; (start, worlds, worst) -> the end of an ascent."""

    campaign: Callable[..., tuple[Array, Array]]
    ascend: Callable[..., Array]


class Found(NamedTuple):
    """Points [latent] that a search ends with: the cell recommended by a whole campaign, and the end of the ascent that
    takes over before; the values that the campaign saw."""

    campaign: Float[np.ndarray, " latent"]
    gradient: Float[np.ndarray, " latent"]
    seen: Float[np.ndarray, " evaluation"]


def programs_of(
    setup: ferro.Setup, learned: Learned, cells: Float[np.ndarray, "cell latent"], draws: int, config: Config
) -> Programs:
    """Return the programs of a set-up; an evaluation takes ``draws`` worlds."""
    support, spread = support_of(learned.mean), jnp.asarray(learned.mean.std(0), jnp.float32)
    plan = bo.CampaignConfig(config.initial_points, config.evaluations - config.initial_points, REFIT_EVERY, BUCKETS)

    def value(z: Array, worlds: World, worst: Any) -> Array:
        curve = decode_one(learned, learned.params, jnp.asarray(z, jnp.float32)).values
        return robust_value(setup, worlds, worst, curve)

    def campaign(key: Array, bank: World, worst: Any) -> tuple[Array, Array]:
        count = len(bank.local)

        def noisy(key: Array, z: Array) -> Array:
            rows = jax.random.choice(key, count, (draws,), replace=False)
            return value(z, jax.tree.map(lambda leaf: leaf[rows], bank), worst)

        search = bo.campaign(
            noisy, jnp.asarray(cells, float), bo.gaussian_process(), bo.log_expected_improvement(), plan
        )
        _, info = bo.run(key, search, observe=lambda surface, _: jnp.argmax(surface.mean))
        return info.observed, info.value

    def ascend(start: Array, worlds: World, worst: Any) -> Array:
        return ascent(lambda z: value(z, worlds, worst), support, spread, config.steps, start).point

    return Programs(jax.jit(campaign), jax.jit(ascend))


@once
def search(
    programs: Programs,
    cells: Float[np.ndarray, "cell latent"],
    key: jax.Array,
    bank: World,
    worst: bool,
    draws: int,
    config: Config,
) -> Found:
    """Return what a campaign recommends at its end, and where an ascent leads that takes over for its last evaluations.

    The ascent has the first ``draws`` worlds of the bank at every step, so that it climbs one function.
    """
    recommended, seen = jax.device_get(programs.campaign(key, bank, jnp.asarray(worst)))
    start = cells[int(recommended[config.handed_over - 1])]
    worlds = jax.tree.map(lambda leaf: leaf[:draws], bank)
    end = programs.ascend(jnp.asarray(start, jnp.float32), worlds, jnp.asarray(worst))
    return Found(np.asarray(cells[int(recommended[-1])], float), np.asarray(end, float), np.asarray(seen))


def judge_of(setup: ferro.Setup, learned: Learned) -> Callable[..., Array]:
    """Return the compiled program (points [n latent], world) -> Σ|curl P| of each in one world."""

    def one(z: Array, world: World) -> Array:
        curve = decode_one(learned, learned.params, z).values
        return robust_value(setup, jax.tree.map(lambda leaf: leaf[None], world), False, curve)

    return jax.jit(jax.vmap(one, (0, None)))


@once
def judged(
    judge: Callable[..., Array], points: Float[np.ndarray, "n latent"], worlds: World
) -> Float[np.ndarray, "n world"]:
    """Return the value of every point in every world, world after world, because points share its subsets."""
    z = jnp.asarray(points, jnp.float32)
    count = len(worlds.local)
    rows = [judge(z, jax.tree.map(lambda leaf, n=n: leaf[n], worlds)) for n in range(count)]
    return np.stack([np.asarray(row, float) for row in rows], 1)


def reduced(condition: str, values: Float[np.ndarray, "... world"]) -> Float[np.ndarray, "..."]:
    """Return the mean over worlds, or the smallest for the worst case."""
    return values.min(-1) if condition == "worst" else values.mean(-1)
