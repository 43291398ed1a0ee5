"""Compiled static fits and campaigns of one kind of surrogate on one table, all seeds side by side.

Targets are standardised over the pool, because the published deep kernel has zero mean and no scale. In campaigns the
deep kernel lacks the candidate of noise alone, because its surface would be flat.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.surrogates.base import with_noise
from experiments.lab.parallel import over_devices
from experiments.lab.scores import standardised
from experiments.shared.deep_kernels.joint_vae import Encoders
from experiments.shared.deep_kernels.kinds import Kind, Setting
from experiments.shared.deep_kernels.tables import Spans, Table


class Search(NamedTuple):
    """Budget and rule of a campaign; ``network_steps`` of Adam at every fit of a network."""

    settings: bo.CampaignConfig
    kappa: float
    network_steps: int


class Searched(NamedTuple):
    """What the campaigns of one kind evaluated and learned.

    ``chosen`` (seed, evaluation) are candidates. ``learned`` of kernels is {lengthscale, variance} after each
    evaluation, (seed, evaluation, block), NaN before the first fit; of networks it is the weights after the initial
    design and at the end, (seed, 2, …).
    """

    chosen: np.ndarray
    learned: Any


class Predicted(NamedTuple):
    """A static fit: ``mean`` and ``std`` of a new observation at every candidate (seed, candidate), standardised."""

    mean: np.ndarray
    std: np.ndarray
    learned: Any  # (seed, …)


def blocks_of(spans: Spans, weights: Any) -> list[bo.Block]:
    """Return the blocks of a table from their spans and the weights (column,) of one lane."""
    return [bo.Block(name, start, stop, weights[start:stop]) for name, start, stop in spans]


@cache
def campaign_program(kind: Kind, spans: Spans, search: Search, vae_config: Any) -> Callable[..., Any]:
    """Compile campaigns; called with keys, initial designs, rows, weights, truths and parts of ``Encoders``.

    All arguments have a leading axis of seeds.
    """

    def run_campaign(key: Any, initial: Any, rows: Any, weights: Any, truth: Any, start: Any) -> Any:
        encoders = Encoders(vae_config, *start) if start else None
        setting = Setting(blocks_of(spans, weights), rows, search.network_steps, start=encoders)
        rule = bo.upper_confidence_bound(search.kappa)
        campaign = bo.campaign(bo.lookup(truth), rows, kind.surrogate(setting), rule, search.settings, initial=initial)
        _, info = bo.run(key, campaign)
        learned = kind.learned(info.params)
        if kind.network:
            ends = jnp.asarray([search.settings.initial_points - 1, -1])
            learned = jax.tree.map(lambda leaf: leaf[ends], learned)
        return info.index, learned

    return over_devices(run_campaign, 1, bo.compiler_options())


@cache
def static_program(kind: Kind, spans: Spans, network_steps: int) -> Callable[..., Any]:
    """Compile static fits; called with keys, labelled candidates, rows, weights and truths, seeds first."""

    def fit_and_predict(key: Any, labelled: Any, rows: Any, weights: Any, truth: Any) -> Any:
        surrogate = kind.surrogate(Setting(blocks_of(spans, weights), rows, network_steps, noise_alone=True))
        y = truth[labelled]
        data = bo.Data(rows[labelled], y, jnp.ones(y.shape, bool), jnp.zeros_like(y))
        params = surrogate.init(key, data)
        observed = with_noise(surrogate.predict(params, data, rows), surrogate.noise(params))
        return observed.mean, observed.std, kind.learned(params)

    return over_devices(fit_and_predict, 1, bo.compiler_options())


def campaigns(
    kind: Kind,
    table: Table,
    truth: np.ndarray,
    initial: np.ndarray,
    search: Search,
    seed: int,
    encoders: Encoders | None = None,
) -> Searched:
    """Run one campaign for each row of ``initial`` (seed, n) on ``truth`` (candidate,).

    ``encoders`` are the VAEs that JOINT_VAE starts from.
    """
    config, *start = encoders or (None,)
    program = campaign_program(kind, table.spans, search, config)
    return Searched(*program(*_lanes(table, truth, initial, seed), start))


def static(
    kind: Kind, table: Table, truth: np.ndarray, labelled: np.ndarray, network_steps: int, seed: int
) -> Predicted:
    """Fit to the candidates ``labelled`` (seed, n) and predict all; ``truth`` (candidate,)."""
    return Predicted(*static_program(kind, table.spans, network_steps)(*_lanes(table, truth, labelled, seed)))


def _lanes(table: Table, truth: np.ndarray, rows: np.ndarray, seed: int) -> tuple[Any, ...]:
    """Return the arguments that both programs have in common, with a leading axis of seeds."""
    seeds = len(rows)
    spread = [np.broadcast_to(part, (seeds, *part.shape[1:])) for part in (table.rows, table.weights)]
    keys = jax.random.split(jax.random.key(seed), seeds)
    return keys, rows.astype(np.int32), *spread, np.broadcast_to(standardised(truth), (seeds, len(truth)))
