"""What the deep-kernel experiments share: representations of a pool, fits and campaigns in them, targets of histories.

A representation is a ``Table``: what the candidates are to a surrogate. All campaigns are alike but for their table and
their kind of surrogate:

gp      one isotropic Matérn-5/2 on the table, pixels or a latent: hyperparameters are all that is learned
blocks  ``bo.dkl.frozen``, the deep kernel of this project: a sum over blocks of features learned from the pool; in
        campaigns without the candidate of noise alone, whose surface would be flat
paper   ``bo.dkl_paper``, that of the lecture: a 64-64-2 network trained with the likelihood at every refit

and joint_vae, the same form as paper with a VAE's encoder for a network, whose bound is trained as well
(``experiments.dkl_joint_vae``).

Targets are standardised over the pool, which the paper's form (zero mean, no scale) needs to work at all.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import PCA

import ferro_jax as ferro
from bo import acquisition, campaign, dkl, dkl_paper, features
from bo.dkl_kernel import block_kernel
from bo.dkl_targets import with_noise
from bo.features import Block, Extractor
from bo.features_conv import random_conv
from bo.features_diffusion import diffusion
from bo.gp import GPConfig, gaussian_process
from bo.types import Data, Surrogate
from experiments import latent_bo_map, latent_bo_stages
from experiments.dkl_joint_vae import Encoders, joint_vae
from experiments.parallel import over_devices
from models.features import mlp

TARGETS = ("curl", "direction_curl", "magnitude")
TRAINED = ("paper", "joint_vae")  # kinds whose network is trained at every refit
Spans = tuple[tuple[str, int, int], ...]  # name, first column, end


class Table(NamedTuple):
    """``rows`` (lane, candidate, column) with every column in [0, 1], ``weights`` (lane, column) its length in units of
    the block; a single lane serves all seeds."""

    rows: np.ndarray
    weights: np.ndarray
    spans: Spans


class Search(NamedTuple):
    """Budget and rule of a campaign; ``network_steps`` of Adam at every fit of the paper's form."""

    settings: campaign.Config
    kappa: float
    network_steps: int


class Found(NamedTuple):
    """Candidates evaluated (seed, evaluation), and what was learned. Of kernels: {lengthscale, variance} after each
    evaluation (seed, evaluation, block), NaN before the first fit. Of trained networks, of the kinds TRAINED: the
    weights after the initial design and at the end (seed, 2, …)."""

    chosen: np.ndarray
    learned: Any


def extractors(shape: tuple[int, ...]) -> list[Extractor]:
    """The blocks for a pool of curves (n,) or of images (ny, nx)."""
    blocks = [features.raw(), features.pca(), diffusion()]
    if len(shape) == 2:
        small = shape[0] < 16
        blocks.append(random_conv((*shape, 1), width=3 if small else 7, regions=2 if small else 3))
    return blocks


def table_of(found: features.Features) -> Table:
    """The table of all blocks of features, the same for all seeds."""
    spans = tuple((block.name, block.start, block.stop) for block in found.blocks)
    return Table(np.asarray(found.table)[None], np.concatenate([block.weights for block in found.blocks])[None], spans)


def pick(table: Table, name: str) -> Table:
    """One block as a table of its own, called "raw"."""
    (columns,) = [slice(start, stop) for own, start, stop in table.spans if own == name]
    rows = table.rows[:, :, columns]
    return Table(rows, table.weights[:, columns], (("raw", 0, rows.shape[2]),))


def units(table: Table) -> np.ndarray:
    """Points (lane, candidate, column) in the units of their blocks."""
    return table.rows * table.weights[:, None]


def table_of_latents(latents: np.ndarray, width: int = 10) -> Table:
    """One block of ``width`` columns from latents (lane, candidate, z), the missing ones constant: they count for
    nothing, and latents of all sizes share a compiled campaign."""
    blank = np.zeros((*latents.shape[:2], max(0, width - latents.shape[2])))
    parts = [
        features.fit(jax.random.key(0), one, (features.raw(),))
        for one in np.concatenate([np.asarray(latents, float), blank], 2)
    ]
    span = (("raw", 0, parts[0].table.shape[1]),)
    rows, weights = np.stack([part.table for part in parts]), np.stack([part.blocks[0].weights for part in parts])
    return Table(rows, weights, span)


def surrogate_of(kind: str, blocks: Sequence[Block], network_steps: int, noise_alone: bool) -> Surrogate:
    """The surrogate of a kind on rows of a table; ``noise_alone`` of the kind blocks."""
    if kind == "blocks":
        return dkl.frozen(blocks, dkl.DKLConfig(folds=3, noise_alone=noise_alone))
    if kind == "paper":
        return dkl_paper.paper(blocks, network_of(blocks[0].stop), dkl_paper.PaperConfig(steps=network_steps))
    return gaussian_process(GPConfig(starts=2, noise_prior=(-2.0, 1.0)), kernel=block_kernel(blocks))


@cache
def network_of(columns: int) -> Any:
    """The paper's network."""
    return mlp((columns, 64, 64, 2), "relu")


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
        rule = acquisition.upper_confidence_bound(search.kappa)
        objective, pool = features.lookup(truth), features.indexed(rows)
        _, info = campaign.run(
            key, campaign.campaign(objective, pool, surrogate, rule, search.settings, initial=initial)
        )
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
        seen = with_noise(params, surrogate.predict(params, data, rows))
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
    return keys, rows.astype(np.int32), *spread, np.broadcast_to(standard(truth), (seeds, len(truth)))


def standard(values: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1."""
    values = np.asarray(values, float)
    return (values - values.mean()) / values.std()


def orders(seed: int, seeds: int, candidates: int, count: int) -> np.ndarray:
    """Random orders (seed, count): their first candidates open all campaigns of the seed, the whole is the baseline."""
    return np.stack([np.random.default_rng([seed, n]).permutation(candidates)[:count] for n in range(seeds)])


def kernel_embedding(table: Table, lane: int, learned: Any) -> np.ndarray:
    """Points (candidate, column) whose squared distances are those of the kernel to first order:
    Σ_b variance_b |difference in block b|² / lengthscale_b². The latent space of a kernel on several blocks; where
    noise alone was chosen, and no block has a variance, all count alike."""
    lane, variance = min(lane, len(table.rows) - 1), np.asarray(learned["variance"])
    variance = variance if variance.any() else np.ones_like(variance)
    parts = [
        table.rows[lane, :, start:stop]
        * (table.weights[lane, start:stop] * np.sqrt(variance[b]) / learned["lengthscale"][b])
        for b, (_, start, stop) in enumerate(table.spans)
    ]
    return np.concatenate(parts, 1)


def network_latents(table: Table, weights: Any) -> np.ndarray:
    """What the networks of the paper's form (seed, …) make of the pool: (seed, candidate, 2)."""
    network = network_of(table.rows.shape[2])
    seeds = len(jax.tree.leaves(weights)[0])
    return np.stack([
        network.apply(jax.tree.map(lambda leaf, n=n: leaf[n], weights),
                      jnp.asarray(table.rows[min(n, len(table.rows) - 1)], jnp.float32))
        for n in range(seeds)
    ])  # fmt: skip


def plane(points: np.ndarray) -> np.ndarray:
    """The two principal components of points (candidate, column): how spaces of more dimensions are shown."""
    return PCA(2, svd_solver="randomized", random_state=0).fit_transform(points) if points.shape[1] > 2 else points


def aligned(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Centred, of spread 1, and turned or mirrored (not sheared) to lie as near to ``reference`` as they can."""
    points = (points - points.mean(0)) / np.sqrt(points.var(0).sum() or 1.0)
    left, _, right = np.linalg.svd(points.T @ reference)
    return points @ (left @ right)


def simulated(curves: np.ndarray, seed: int, progress: Callable[[int], Any] | None = None) -> dict[str, np.ndarray]:
    """TARGETS of field histories (trajectory, sample) at the end of the lecture preset's simulation, in model units:
    Σ|curl P|, Σ|curl P/|P||, Σ|P|. Defects and subsets are those of ``latent_bo`` with this seed."""
    keys, setup = latent_bo_stages.keys_of(seed), ferro.lecture(jnp.float32)
    local = (setup.coercive_field * ferro.random_field(keys["field"], setup.lattice)).astype(setup.dtype)

    def one(curve: jax.Array) -> tuple[jax.Array, ...]:
        seen = ferro.simulate(keys["subset"], curve, local, setup, check=False).state.seen
        curl = setup.curl_boundary, setup.curl_x_axis
        return ferro.sum_abs_curl(seen, *curl), ferro.sum_abs_curl_of_directions(seen, *curl), ferro.sum_magnitude(seen)

    values = over_devices(one, latent_bo_map.MAP_CHUNK)(curves, progress=progress)
    latent_bo_map.refuse_non_finite("simulation", np.stack(values), ("target", "trajectory"))
    return {name: value.astype(float) for name, value in zip(TARGETS, values, strict=True)}
