"""A network trained together with the Gaussian process, used where it predicts better than the deep kernel without it.

The likelihood of a trained network says nothing about how well it predicts, nor does leaving one out (Ober et al.
2021). Therefore each member is trained without one fold. The folds that were held out decide, for all members together,
where training stops and by how much variances are too small. Each member is then given all observations, and the
prediction is their mixture. Where the deep kernel without a network predicts the same folds as well, it is used
instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from bo.deep_kernels.blocks import scale_variances
from bo.deep_kernels.candidates import Candidates, DeepKernelParams, cold_starts, fit_candidates, masks, processes
from bo.deep_kernels.deep_kernel import DeepKernelConfig
from bo.deep_kernels.embedding import NetworkParams, embedded
from bo.deep_kernels.training import Trained, Training, network_outputs, train_members, with_features
from bo.features.base import Block, find
from bo.surrogates.base import FitInfo, Surrogate
from bo.surrogates.checks import check
from bo.surrogates.held_out import Report, Residuals, folds_of, for_each_candidate, nll_and_coverage, variance_factor
from bo.surrogates.mixture import Mixture, mixture
from bo.surrogates.process import standardisation
from bo.surrogates.process_types import GPParams, Process
from ferro_jax import options

NETWORK = "net"  # the block that the network makes


@dataclass(frozen=True)
class TrainedDeepKernelConfig:
    """``inputs`` are the blocks that the network gets, in their own units and side by side.

    Adam takes ``steps`` steps at ``rate`` in a first fit and ``warm_steps`` in those that go on from it. Training may
    stop after every ``stop_every`` steps, the start included. The trained mixture is accepted where its held-out NLL
    per datum is lower by ``margin`` than that of the deep kernel without a network, whose configuration is
    ``deep_kernel``.

    ValueError for no inputs, steps that are no multiples of ``stop_every``, a rate that is not positive, a negative
    margin.
    """

    inputs: tuple[str, ...] = ("pca",)
    steps: int = 120
    warm_steps: int = 20
    stop_every: int = 20
    rate: float = 1e-2
    margin: float = 0.02
    deep_kernel: DeepKernelConfig = field(default_factory=DeepKernelConfig)

    def __post_init__(self):
        options.check_fields(self)
        if not self.inputs:
            raise ValueError("inputs is empty; expected the names of one block or more as the network's inputs")
        multiples = self.stop_every >= 1 and not any(n % self.stop_every for n in (self.steps, self.warm_steps))
        if not multiples or not 0 <= self.warm_steps <= self.steps:
            raise ValueError(
                f"steps={self.steps}, warm_steps={self.warm_steps}, stop_every={self.stop_every}: expected multiples "
                "of stop_every, and no more steps in a warm fit than in a first one"
            )
        if not self.rate > 0 or not self.margin >= 0:
            raise ValueError(f"rate={self.rate}, margin={self.margin}: expected a positive rate, a margin from 0 up")

    def stops(self, cold: bool) -> int:
        """Number of places where a first (``cold``) or later fit may stop, the start included."""
        return (self.steps if cold else self.warm_steps) // self.stop_every + 1


class TrainedReport(NamedTuple):
    """How the mixture predicts the folds that were held out, beside the report of the deep kernel without a network.

    ``nll``, ``coverage`` and ``factor`` have an entry for every place where training may stop; places that a fit does
    not have, and those where a member collapses, have an infinite NLL. ``stop`` is the chosen place in steps,
    ``accepted`` whether the mixture predicts, ``gain`` the held-out NLL by which it is better. ``collapsed`` members
    had features without spread and were restarted. ``amplitude`` are means over the members, the network's last.
    """

    deep_kernel: Report
    nll: Float[Array, "stop"]
    coverage: Float[Array, "stop"]
    factor: Float[Array, "stop"]
    stop: Int[Array, ""]
    accepted: Bool[Array, ""]
    gain: Float[Array, ""]
    collapsed: Int[Array, ""]
    amplitude: Float[Array, "block"]


class TrainedState(NamedTuple):
    """Where the next fit starts, and the report of this one."""

    deep_kernel: DeepKernelParams
    thetas: Float[Array, "member p"]
    weights: Any
    report: TrainedReport


class _Stop(NamedTuple):
    """Scores of every place where training may stop, and the index of the ``best`` one."""

    nll: Float[Array, "stop"]
    coverage: Float[Array, "stop"]
    factor: Float[Array, "stop"]
    best: Int[Array, ""]


def trained_deep_kernel(
    blocks: Sequence[Block],
    network: Any,
    config: TrainedDeepKernelConfig | None = None,
    *,
    candidates: Sequence[Sequence[str]] | None = None,
) -> Surrogate:
    """Return the Surrogate on rows of a ``bo.features.base`` table; params.sampler.report is a ``TrainedReport``.

    ``network`` is a pure pair, init (key) -> weights and apply (weights, F["n inputs"]) -> F["n outputs"], as
    ``models.features`` makes. ``candidates`` are those of ``bo.deep_kernel``. A refused network costs a campaign as
    much as an accepted one: the members then all are the deep kernel without a network. Errors as from
    ``bo.deep_kernel``; ValueError also if the network does not take the columns of its input blocks.
    """
    config = config or TrainedDeepKernelConfig()
    plain = config.deep_kernel
    width = max(block.stop for block in blocks)
    inputs = [find(blocks, name) for name in config.inputs]
    outputs = network_outputs(network, sum(block.stop - block.start for block in inputs))
    extended = [*blocks, Block(NETWORK, width, width + outputs, np.ones(outputs))]
    active = masks(blocks, candidates, plain.noise_alone)
    _, fitting_plain = processes(blocks, plain.kernel, plain.gp)
    fitted = Candidates(fitting_plain, blocks, active, plain.folds, plain.margin, plain.noise_alone)
    predicting, fitting = processes(extended, plain.kernel, plain.gp)
    training = Training(network, inputs, blocks, extended, fitting, plain.folds, config.rate, config.stop_every)
    deep = embedded(predicting, lambda weights, x: with_features(training, weights, x))

    @predicting.one_by_one
    def cold_fit(key, starts, data):
        without, info = fit_candidates(fitted, starts, data)
        location, scale = standardisation(data)
        theta = without.thetas[int(active.sum(1).argmax()), 0]  # of the candidate with most blocks
        start = _with_network_block(fitting_plain.params(theta, width, location, scale), 0.3)
        start = fitting.theta(start, width + outputs)
        key_weights, key_fresh = jax.random.split(key)
        weights = jax.vmap(network.init)(jax.random.split(key_weights, training.members))
        thetas = jnp.broadcast_to(start, (training.members, start.size))
        return _fit_mixture(training, config, deep, key_fresh, (without, info), thetas, weights, data, True)[0]

    @predicting.one_by_one
    def warm_fit(key, before, data):
        without = fit_candidates(fitted, before.deep_kernel.thetas, data)
        return _fit_mixture(training, config, deep, key, without, before.thetas, before.weights, data, False)

    def cold(key, data):
        check(data)
        key_starts, key_weights = jax.random.split(key)
        starts = fitting_plain.layout(width).starts(key_starts, plain.gp.starts)
        return cold_fit(key_weights, cold_starts(fitted, starts), data)

    def warm(key, params, data):
        check(data)
        return warm_fit(key, params.sampler, data)

    return mixture(deep, cold, warm)


def _fit_mixture(
    training: Training,
    config: TrainedDeepKernelConfig,
    deep: Process,
    key: Array,
    without: tuple[DeepKernelParams, FitInfo],
    thetas: Float[Array, "member p"],
    weights: Any,
    data: Any,
    cold: bool,
) -> tuple[Mixture, FitInfo]:
    """Train the members and choose between their mixture and the deep kernel ``without`` a network."""
    deep_kernel, info = without
    location, scale = standardisation(data)
    stops = config.stops(cold)
    trained = train_members(training, key, thetas, weights, data, stops, cold)
    stop = _best_stop(trained, folds_of(data, training.members), data.mask)
    best = jnp.min(deep_kernel.report.nll)
    accepted = stop.nll[stop.best] < best - config.margin

    thetas, weights = trained.thetas[:, stop.best], jax.tree.map(lambda leaf: leaf[:, stop.best], trained.weights)
    columns = training.width + training.outputs
    gp = jax.vmap(lambda theta: training.fitting.params(theta, columns, location, scale))(thetas)
    gp = jax.vmap(lambda member: scale_variances(member, stop.factor[stop.best]))(gp)
    plain = _with_network_block(deep_kernel.gp, 0.0)
    gp = jax.tree.map(lambda new, old: jnp.where(accepted, new, old[None]), gp, plain)
    missing = (0, config.stops(True) - stops)  # places to stop that a warm fit does not have
    report = TrainedReport(
        deep_kernel=deep_kernel.report,
        nll=jnp.pad(stop.nll, missing, constant_values=jnp.inf),
        coverage=jnp.pad(stop.coverage, missing, constant_values=jnp.nan),
        factor=jnp.pad(stop.factor, missing, constant_values=jnp.nan),
        stop=(stop.best * config.stop_every).astype(jnp.int32),
        accepted=accepted,
        gain=best - stop.nll[stop.best],
        collapsed=jnp.sum(trained.restarted).astype(jnp.int32),
        amplitude=jnp.mean(gp.kernel["variance"], axis=0),
    )
    members: Any = NetworkParams(gp, weights)
    evidence = jax.lax.map(lambda member: deep.log_likelihood(member, data), members)
    state = TrainedState(deep_kernel, thetas, weights, report)
    evaluations = info.evaluations + training.members * config.stop_every * (stops - 1)
    return Mixture(members, jnp.zeros_like(evidence), evidence, state), info._replace(evaluations=evaluations)


def _best_stop(trained: Trained, folds: Int[Array, "capacity"], mask: Any) -> _Stop:
    """Score each place to stop on the rows that were held out, each predicted by the member trained without it."""
    rows = jnp.arange(folds.size)
    held_out = Residuals(*(leaf[folds, :, rows].T for leaf in trained.held_out))
    factor = for_each_candidate(variance_factor, held_out, mask)
    widened = held_out._replace(deviation=held_out.deviation * factor[:, None] ** 0.5)
    nll, coverage = for_each_candidate(nll_and_coverage, widened, mask)
    nll = jnp.where(jnp.all(trained.eligible, axis=0) & jnp.isfinite(nll), nll, jnp.inf)
    return _Stop(nll, coverage, factor, jnp.argmin(nll))


def _with_network_block(params: GPParams, variance: float) -> GPParams:
    """The same hyperparameters with the network's block, of this variance and a usual lengthscale."""
    kernel = {
        "lengthscale": jnp.append(params.kernel["lengthscale"], 1.5).astype(params.noise.dtype),
        "variance": jnp.append(params.kernel["variance"], variance).astype(params.noise.dtype),
    }
    return params._replace(kernel=kernel)
