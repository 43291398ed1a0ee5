"""The fully Bayesian Gaussian process: hyperparameters sampled by NumPyro's NUTS, all chains inside jit."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpyro.infer.hmc import hmc

from bo.surrogates.base import Surrogate
from bo.surrogates.gp import find_best_mode, find_mode
from bo.surrogates.kernels import Kernel
from bo.surrogates.laplace import laplace_axes, members_of
from bo.surrogates.mixture import Mixture, mixture
from bo.surrogates.process import process, standardisation
from bo.surrogates.process_types import VALUES, GPConfig, Mean, Observed, Process
from ferro_jax import options


@dataclass(frozen=True)
class SamplingConfig:
    """Length of the chains. ``members`` of the samples, evenly spaced over all chains, make the mixture.

    The sampler moves along the axes of the Laplace approximation, computed anew at every fit. Therefore a unit mass
    matrix is right from the start, and short warm-ups suffice. ``warmup`` is for the first fit; later fits take
    ``rewarm`` steps, from the last step size and the last points of the chains. ``samples`` are those of each chain.

    ValueError for numbers below 1 and for samples that cannot be thinned evenly to ``members``.
    """

    chains: int = 2
    warmup: int = 64
    rewarm: int = 16
    samples: int = 64
    members: int = 16
    tree_depth: int = 6

    def __post_init__(self):
        options.check_fields(self)
        for name in ("chains", "warmup", "rewarm", "samples", "members", "tree_depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if (self.chains * self.samples) % self.members:
            raise ValueError(
                f"{self.chains} chains of {self.samples} samples cannot be thinned evenly to {self.members} members: "
                "choose a divisor of their number"
            )


class Chains(NamedTuple):
    """Where the next fit starts."""

    mode: Float[Array, "p"]
    position: Float[Array, "chain p"]
    step_size: Float[Array, "chain"]


class Draws(NamedTuple):
    """Samples of the flat hyperparameters, where the chains ended, gradients taken, and divergent transitions."""

    thetas: Float[Array, "chain sample p"]
    chains: Chains
    evaluations: Any
    divergences: Any


def fully_bayesian(
    config: GPConfig | None = None,
    sampling: SamplingConfig | None = None,
    *,
    kernel: Kernel | None = None,
    mean: Mean | None = None,
    observed: Observed = VALUES,
) -> Surrogate:
    """Return the Surrogate that averages over the posterior of the hyperparameters, under the same priors as the MAP.

    For many inputs of which few matter, ``GPConfig(lengthscale_prior="saas")`` (Eriksson & Jankowiak 2021).
    """
    model, sampling = process(config or GPConfig(), kernel, mean, observed), sampling or SamplingConfig()

    def mix(draws, info, data, location, scale):
        """The mixture of evenly spaced draws, and what the fit did."""
        thetas = draws.thetas.reshape(-1, draws.thetas.shape[-1])
        thetas = thetas[:: thetas.shape[0] // sampling.members].astype(data.y.dtype)
        members = members_of(model, thetas, data, location, scale)
        mixed = Mixture(members.params, jnp.zeros_like(members.evidence), members.evidence, draws.chains)
        return mixed, info._replace(evaluations=info.evaluations + draws.evaluations)

    @model.one_by_one
    def cold_fit(key, thetas, data):
        location, scale = standardisation(data)
        mode, info = find_best_mode(model, thetas, data, location, scale, volume=True)
        draws = sample_posterior(key, model, mode, data, sampling)
        return mix(draws, info, data, location, scale)[0]

    @model.one_by_one
    def warm_fit(key, chains, data):
        location, scale = standardisation(data)
        mode, info = find_mode(model, chains.mode, data, location, scale, volume=True)
        draws = sample_posterior(key, model, mode, data, sampling, chains)
        return mix(draws, info, data, location, scale)

    def cold(key, data):
        key_starts, key_chains = jax.random.split(key)
        return cold_fit(key_chains, model.layout(data.x.shape[1]).starts(key_starts, model.config.starts), data)

    return mixture(model, cold, lambda key, params, data: warm_fit(key, params.sampler, data))


def sample_posterior(
    key: Array,
    model: Process,
    mode: Float[Array, "p"],
    data: Any,
    sampling: SamplingConfig,
    before: Chains | None = None,
) -> Draws:
    """Draw θ from p(θ | data) by NUTS chains, started around the mode or where those of ``before`` ended."""
    location, scale = standardisation(data)
    root, gradients = laplace_axes(model, mode, data, location, scale)
    real = jnp.result_type(float)  # the sampler's own precision, whatever the process works in

    def potential(point):
        theta = mode + root @ point.astype(mode.dtype)
        return -model.log_posterior(theta, data, location, scale, True).astype(real)

    start, move = hmc(potential, algo="NUTS")
    warmup = sampling.warmup if before is None else sampling.rewarm

    def chain(key, point, step_size):
        state = start(point.astype(real), warmup, step_size=step_size, max_tree_depth=sampling.tree_depth, rng_key=key)

        def advance(state, _):
            state = move(state)
            return state, (state.z, state.num_steps, state.diverging)

        state, (points, steps, diverging) = jax.lax.scan(advance, state, length=warmup + sampling.samples)
        kept = points[warmup:].astype(mode.dtype)
        return kept, state.adapt_state.step_size, jnp.sum(steps), jnp.sum(diverging[warmup:])

    key_points, key_chains = jax.random.split(key)
    if before is None:
        points = jax.random.normal(key_points, (sampling.chains, mode.size), mode.dtype)
        sizes = jnp.full(sampling.chains, 0.5, real)
    else:
        points = jnp.linalg.solve(root, (before.position - mode[None]).T).T
        sizes = before.step_size.astype(real)
    keys = jax.random.split(key_chains, sampling.chains)
    if model.config.sequential:  # a CPU does not gain from lockstep: every chain would wait for the longest trajectory
        points, sizes, steps, divergences = jax.lax.map(lambda inputs: chain(*inputs), (keys, points, sizes))
    else:
        points, sizes, steps, divergences = jax.vmap(chain)(keys, points, sizes)
    thetas = mode[None, None] + points @ root.T
    chains = Chains(mode, thetas[:, -1], sizes.astype(mode.dtype))
    return Draws(thetas, chains, jnp.sum(steps).astype(jnp.int32) + gradients, jnp.sum(divergences))
