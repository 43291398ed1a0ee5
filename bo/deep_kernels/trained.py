"""A network trained together with the Gaussian process, where that predicts better than frozen features do.

The likelihood of a trained network says nothing about how well it predicts, nor does leaving one out (Ober et al.
2021). So members are trained without one fold each; where training stops, and by how much variances are too small, is
what the folds that were held out say of all members together; each member then sees all observations, and the
prediction is their mixture. Where the frozen candidates predict the same folds as well, these are what is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from bo.deep_kernels.blocks import FitData, distances, fit_data, split, widened
from bo.deep_kernels.deep_kernel import (
    DeepKernelConfig,
    DeepKernelParams,
    cold_starts,
    fit_candidates,
    masks,
    processes,
)
from bo.deep_kernels.embedding import NetworkParams, embedded
from bo.features.base import Block, find
from bo.surrogates.base import Surrogate
from bo.surrogates.checks import check
from bo.surrogates.gp import find_mode
from bo.surrogates.held_out import Report, folds_of, held_out, judge, widening
from bo.surrogates.mixture import Mixture, mixture
from bo.surrogates.process import standardisation
from bo.surrogates.process_types import GPParams

NET = "net"  # the block that the network makes
_COLLAPSED = 1e-4  # of the spread of the untrained network's features


@dataclass(frozen=True)
class TrainedDeepKernelConfig:
    """``inputs`` are the blocks that the network sees, in their own units and side by side.

    Adam takes ``steps`` steps at ``rate`` in a first fit and ``warm_steps`` in those that go on from it; every
    ``every`` steps is a place where training may stop, the start included. The trained mixture is accepted where its
    held-out NLL per datum is lower than the frozen choice's by ``margin``.
    """

    inputs: tuple[str, ...] = ("pca",)
    steps: int = 120
    warm_steps: int = 20
    every: int = 20
    rate: float = 1e-2
    margin: float = 0.02
    deep_kernel: DeepKernelConfig = field(default_factory=DeepKernelConfig)

    def __post_init__(self):
        if not self.inputs:
            raise ValueError("inputs is empty; expected the names of one block or more for the network to see")
        lengths = self.steps, self.warm_steps
        if self.every < 1 or min(lengths) < 0 or any(n % self.every for n in lengths) or lengths[0] < lengths[1]:
            raise ValueError(
                f"steps={self.steps}, warm_steps={self.warm_steps}, every={self.every}: expected multiples of every, "
                "and no more steps in a warm fit than in a first one"
            )
        if not self.rate > 0 or not self.margin >= 0:
            raise ValueError(f"rate={self.rate}, margin={self.margin}: expected a positive rate, a margin from 0 up")


class TrainedReport(NamedTuple):
    """``nll``, ``coverage``, ``factor`` of the mixture at every place where training may stop, on the folds held out;
    infinite where a fit has no such place.

    ``stop`` in steps, ``accepted`` whether the mixture is what predicts, ``gain`` the held-out NLL by which it beats
    the frozen choice. ``collapsed`` members had features without spread, were restarted, and no stop after which a
    member collapses is eligible.
    """

    frozen: Report
    nll: Float[Array, "stop"]
    coverage: Float[Array, "stop"]
    factor: Float[Array, "stop"]
    stop: Int[Array, ""]
    accepted: Bool[Array, ""]
    gain: Float[Array, ""]
    collapsed: Int[Array, ""]
    amplitude: Float[Array, "block"]  # the network's last; mean over the members


class TrainedState(NamedTuple):
    """Where the next fit starts, and the report of this one."""

    frozen: DeepKernelParams
    thetas: Float[Array, "member p"]
    weights: Any
    report: TrainedReport


def trained_deep_kernel(
    blocks: Sequence[Block],
    network: Any,
    config: TrainedDeepKernelConfig | None = None,
    *,
    candidates: Sequence[Sequence[str]] | None = None,
) -> Surrogate:
    """The Surrogate on rows of a ``bo.features.base`` table; params.sampler.report is a ``TrainedReport``.

    ``network`` is a pure pair, init (key) -> weights and apply (weights, F["n inputs"]) -> F["n outputs"], as
    ``models.features`` makes. ``candidates`` are those of ``bo.deep_kernels.deep_kernel.deep_kernel``. A refused network costs a campaign what
    an accepted one does: its members then all are the frozen Gaussian process. Errors as there.
    """
    config = config or TrainedDeepKernelConfig()
    width = max(block.stop for block in blocks)
    seen = [find(blocks, name) for name in config.inputs]
    outputs = _outputs(network, sum(block.stop - block.start for block in seen))
    every = [*blocks, Block(NET, width, width + outputs, np.ones(outputs))]
    active = masks(blocks, candidates, config.deep_kernel.noise_alone)
    _, of_frozen = processes(blocks, config.deep_kernel)
    predicting, fitting = processes(every, config.deep_kernel)
    members = config.deep_kernel.folds

    def look(weights, x):
        """The network's features; its inputs have about unit variance each, its outputs together."""
        inputs = jnp.concatenate(split(seen, x), axis=1) * sum(b.stop - b.start for b in seen) ** 0.5
        return network.apply(weights, inputs.astype(jnp.float32)).astype(x.dtype) / outputs**0.5

    def embed(weights, x):
        return jnp.concatenate([x[:, :width], look(weights, x)], axis=1)

    deep = embedded(predicting, embed)

    def spread(weights, data):
        found = jnp.where(data.mask[:, None], look(weights, data.x), 0)
        count = jnp.maximum(jnp.sum(data.mask), 1)
        return jnp.sum(found**2) / count - jnp.sum((jnp.sum(found, axis=0) / count) ** 2)

    def train(fold, start, data, folds, stops):
        """Everything that one member may become: hyperparameters and weights at each stop, and what it predicts."""
        location, scale = standardisation(data)
        mask = data.mask & (folds != fold)
        ones = jnp.ones(len(every), data.y.dtype)
        fixed = fit_data(blocks, data, ones).squares

        def with_net(weights):
            x = embed(weights, data.x)
            squares = jnp.concatenate([fixed, distances(x[:, width:], x[:, width:])[None]])
            return FitData(x, data.y, mask, data.noise, squares, ones)

        def loss(moving):
            theta, weights = moving
            count = jnp.maximum(jnp.sum(mask), 1)
            return -fitting.log_posterior(theta, with_net(weights), location, scale, True) / count

        optimiser = optax.adam(config.rate)

        def step(carry, _):
            moving, state = carry
            updates, state = optimiser.update(jax.grad(loss)(moving), state, moving)
            return (optax.apply_updates(moving, updates), state), None

        def stretch(carry, _):
            (theta, weights), _ = carry
            params = fitting.params(theta, width + outputs, location, scale)
            seen = held_out(fitting, params, with_net(weights))
            after, _ = jax.lax.scan(step, carry, length=config.every)
            return after, (carry[0], seen, spread(weights, data))

        _, found = jax.lax.scan(stretch, (start, optimiser.init(start)), length=stops)
        return found

    def settle(data, fold, folds, weights, theta):
        """The nearest mode of the hyperparameters with the weights as they are: what a cold training starts from."""
        location, scale = standardisation(data)
        part = data._replace(x=embed(weights, data.x), mask=data.mask & (folds != fold))
        squared = fit_data(every, part, jnp.ones(len(every), data.y.dtype))
        return find_mode(fitting, theta, squared, location, scale, volume=True)[0]

    def train_all(key, frozen, info, thetas, weights, data, cold):
        location, scale = standardisation(data)
        folds = folds_of(data, members)
        stops = (config.steps if cold else config.warm_steps) // config.every + 1
        fresh = jax.vmap(network.init)(jax.random.split(key, members))

        def one(each):
            fold, theta, own, new = each
            before, usual = spread(own, data), spread(new, data)
            lost = ~(before > _COLLAPSED * usual)
            own = jax.tree.map(lambda old, new: jnp.where(lost, new, old), own, new)
            if cold:
                theta = settle(data, fold, folds, own, theta)
            (found, nets), predicted, widths = train(fold, (theta, own), data, folds, stops)
            good = (widths > _COLLAPSED * usual) & jnp.all(jnp.isfinite(found), axis=1)
            return found, nets, predicted, good, lost

        found, nets, (residual, deviation), good, lost = jax.lax.map(one, (jnp.arange(members), thetas, weights, fresh))
        rows = jnp.arange(folds.size)
        residual, deviation = residual[folds, :, rows].T, deviation[folds, :, rows].T  # of each row's own member
        factor = jax.vmap(lambda r, d: widening(r, d, data.mask))(residual, deviation)
        nll, coverage = jax.vmap(lambda r, d: judge(r, d, data.mask))(residual, deviation * factor[:, None] ** 0.5)
        nll = jnp.where(jnp.all(good, axis=0) & jnp.isfinite(nll), nll, jnp.inf)
        stop = jnp.argmin(nll)
        best = jnp.min(frozen.report.nll)
        accepted = nll[stop] < best - config.margin

        thetas, weights = found[:, stop], jax.tree.map(lambda leaf: leaf[:, stop], nets)
        trained = jax.vmap(lambda theta: fitting.params(theta, width + outputs, location, scale))(thetas)
        trained = jax.vmap(lambda one: widened(one, factor[stop]))(trained)
        gp = jax.tree.map(lambda a, b: jnp.where(accepted, a, b[None]), trained, pad(frozen.gp, 0.0))
        rest = (0, config.steps // config.every + 1 - stops)  # stops that a warm fit does not have
        report = TrainedReport(
            frozen.report,
            jnp.pad(nll, rest, constant_values=jnp.inf),
            jnp.pad(coverage, rest, constant_values=jnp.nan),
            jnp.pad(factor, rest, constant_values=jnp.nan),
            (stop * config.every).astype(jnp.int32),
            accepted,
            best - nll[stop],
            jnp.sum(lost).astype(jnp.int32),
            jnp.mean(gp.kernel["variance"], axis=0),
        )
        built: Any = NetworkParams(gp, weights)
        evidence = jax.lax.map(lambda one: deep.log_likelihood(one, data), built)
        state = TrainedState(frozen, thetas, weights, report)
        evaluations = info.evaluations + members * config.every * (stops - 1)
        return Mixture(built, jnp.zeros_like(evidence), evidence, state), info._replace(evaluations=evaluations)

    @predicting.one_by_one
    def cold_of(key, starts, data):
        frozen, info = fit_candidates(of_frozen, blocks, config.deep_kernel, active, starts, data)
        location, scale = standardisation(data)
        theta = frozen.thetas[int(active.sum(1).argmax()), 0]  # of the candidate with most blocks
        start = pad(of_frozen.params(theta, width, location, scale), 0.3)
        start = fitting.theta(start, width + outputs)
        key_weights, key_fresh = jax.random.split(key)
        weights = jax.vmap(network.init)(jax.random.split(key_weights, members))
        thetas = jnp.broadcast_to(start, (members, start.size))
        return train_all(key_fresh, frozen, info, thetas, weights, data, True)[0]

    @predicting.one_by_one
    def warm_of(key, before, data):
        frozen, info = fit_candidates(of_frozen, blocks, config.deep_kernel, active, before.frozen.thetas, data)
        return train_all(key, frozen, info, before.thetas, before.weights, data, False)

    def cold(key, data):
        check(data)
        key_starts, key_weights = jax.random.split(key)
        starts = of_frozen.layout(width).starts(key_starts, config.deep_kernel.gp.starts)
        return cold_of(key_weights, cold_starts(starts, members, len(active)), data)

    def warm(key, params, data):
        check(data)
        return warm_of(key, params.sampler, data)

    return mixture(deep, cold, warm)


def pad(params: GPParams, variance: float) -> GPParams:
    """The same hyperparameters with one more block of this variance and a usual lengthscale."""
    kernel = {
        "lengthscale": jnp.append(params.kernel["lengthscale"], 1.5).astype(params.noise.dtype),
        "variance": jnp.append(params.kernel["variance"], variance).astype(params.noise.dtype),
    }
    return params._replace(kernel=kernel)


def _outputs(network: Any, inputs: int) -> int:
    """Number of the network's features; ValueError if it does not take this many inputs."""
    try:
        weights = jax.eval_shape(network.init, jax.random.key(0))
        shape = jax.eval_shape(network.apply, weights, jax.ShapeDtypeStruct((2, inputs), jnp.float32)).shape
    except TypeError as error:
        raise ValueError(f"the network does not take the {inputs} columns of its input blocks: {error}") from error
    return shape[-1]
