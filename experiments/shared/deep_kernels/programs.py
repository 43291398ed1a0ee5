"""What the deep-kernel experiments share: representations of a pool, fits and campaigns in them, targets of histories.

A representation is a ``Table``: what the candidates are to a surrogate. All campaigns are alike but for their table and
their kind of surrogate:

gp      one isotropic Matérn-5/2 on the table, pixels or a latent: hyperparameters are all that is learned
blocks  ``bo.deep_kernels.deep_kernel.deep_kernel``, the deep kernel of this project: a sum over blocks of features learned from the pool; in
        campaigns without the candidate of noise alone, whose surface would be flat
paper   ``bo.deep_kernels.published``, that of the lecture: a 64-64-2 network trained with the likelihood at every refit

and joint_vae, the same form as paper with a VAE's encoder for a network, whose bound is trained as well
(``experiments.shared.deep_kernels.joint_vae``).

Targets are standardised over the pool, which the paper's form (zero mean, no scale) needs to work at all.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.acquisitions import analytic
from bo.campaigns import running
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.data import Data
from bo.deep_kernels.blocks import block_kernel
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
from bo.features.base import Block, indexed, lookup
from bo.surrogates.base import Surrogate, with_noise
from bo.surrogates.gp import gaussian_process
from bo.surrogates.process_types import GPConfig
from experiments.lab.parallel import over_devices
from experiments.lab.scores import standardised
from experiments.shared.deep_kernels.joint_vae import Encoders, joint_vae
from experiments.shared.deep_kernels.tables import Spans, Table, network_of

TRAINED = ("paper", "joint_vae")  # kinds whose network is trained at every refit


class Search(NamedTuple):
    """Budget and rule of a campaign; ``network_steps`` of Adam at every fit of the paper's form."""

    settings: CampaignConfig
    kappa: float
    network_steps: int


class Found(NamedTuple):
    """Candidates evaluated (seed, evaluation), and what was learned. Of kernels: {lengthscale, variance} after each
    evaluation (seed, evaluation, block), NaN before the first fit. Of trained networks, of the kinds TRAINED: the
    weights after the initial design and at the end (seed, 2, …)."""

    chosen: np.ndarray
    learned: Any


def surrogate_of(kind: str, blocks: Sequence[Block], network_steps: int, noise_alone: bool) -> Surrogate:
    """The surrogate of a kind on rows of a table; ``noise_alone`` of the kind blocks."""
    if kind == "blocks":
        return deep_kernel(blocks, DeepKernelConfig(folds=3, noise_alone=noise_alone))
    if kind == "paper":
        return published_deep_kernel(blocks, network_of(blocks[0].stop), PublishedDeepKernelConfig(steps=network_steps))
    return gaussian_process(GPConfig(starts=2, noise_prior=(-2.0, 1.0)), kernel=block_kernel(blocks))


def learned_of(kind: str, params: Any) -> Any:
    """What tells how a surrogate of this kind sees the pool."""
    return params.deep.weights if kind in TRAINED else (params.gp if kind == "blocks" else params).kernel


def blocks_of(spans: Spans, weights: Any) -> list[Block]:
    return [Block(name, start, stop, weights[start:stop]) for name, start, stop in spans]


@cache
def campaign_program(kind: str, spans: Spans, search: Search, config: Any) -> Callable[..., Any]:
    def one(key: Any, initial: Any, rows: Any, weights: Any, truth: Any, start: Any) -> Any:
        blocks, steps = blocks_of(spans, weights), search.network_steps
        if kind == "joint_vae":
            surrogate = joint_vae(blocks, rows, Encoders(config, *start), steps)
        else:
            surrogate = surrogate_of(kind, blocks, steps, noise_alone=False)
        rule = analytic.upper_confidence_bound(search.kappa)
        objective, pool = lookup(truth), indexed(rows)
        _, info = running.run(key, campaign(objective, pool, surrogate, rule, search.settings, initial=initial))
        learned = learned_of(kind, info.params)
        if kind in TRAINED:
            ends = jnp.asarray([search.settings.initial_points - 1, -1])
            learned = jax.tree.map(lambda leaf: leaf[ends], learned)
        return info.index, learned

    return over_devices(one, 1)


@cache
def static_program(kind: str, spans: Spans, network_steps: int) -> Callable[..., Any]:
    def one(key: Any, labelled: Any, rows: Any, weights: Any, truth: Any) -> Any:
        surrogate = surrogate_of(kind, blocks_of(spans, weights), network_steps, noise_alone=True)
        y = truth[labelled]
        data = Data(rows[labelled], y, jnp.ones(y.shape, bool), jnp.zeros_like(y))
        params = surrogate.init(key, data)
        seen = with_noise(surrogate.predict(params, data, rows), surrogate.noise(params))
        return seen.mean, seen.std, learned_of(kind, params)

    return over_devices(one, 1)


def campaigns(
    kind: str,
    table: Table,
    truth: np.ndarray,
    initial: np.ndarray,
    search: Search,
    seed: int,
    encoders: Encoders | None = None,
) -> Found:
    """One campaign for each row of ``initial``; ``truth`` (candidate,). ``encoders`` go with the kind joint_vae."""
    config, *start = encoders or (None,)
    program = campaign_program(kind, table.spans, search, config)
    return Found(*program(*_lanes(table, truth, initial, seed), start))


def static(
    kind: str, table: Table, truth: np.ndarray, labelled: np.ndarray, network_steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Mean and deviation of a new observation at every candidate (seed, candidate), standardised, from those
    ``labelled`` (seed, n); what was learned."""
    return static_program(kind, table.spans, network_steps)(*_lanes(table, truth, labelled, seed))


def _lanes(table: Table, truth: np.ndarray, rows: np.ndarray, seed: int) -> tuple[Any, ...]:
    seeds = len(rows)
    spread = [np.broadcast_to(part, (seeds, *part.shape[1:])) for part in (table.rows, table.weights)]
    keys = jax.random.split(jax.random.key(seed), seeds)
    return keys, rows.astype(np.int32), *spread, np.broadcast_to(standardised(truth), (seeds, len(truth)))
