"""One surrogate of every kind, quick to compile, with the pool and the data that it takes."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bo.data import observations
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
from bo.deep_kernels.sampled import sampled_deep_kernel
from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
from bo.features.base import Block
from bo.surrogates.bayesian import SamplingConfig, fully_bayesian
from bo.surrogates.gp import gaussian_process
from bo.surrogates.gradients import GradientData, gradient_process
from bo.surrogates.heteroscedastic import heteroscedastic
from bo.surrogates.laplace import laplace_particles
from bo.surrogates.multifidelity import two_fidelities
from bo.surrogates.process_types import GPConfig, Mean
from bo.surrogates.warped import warped
from models.features import mlp, skip

QUICK = {"starts": 2, "iterations": 8}
SHORT = SamplingConfig(chains=2, warmup=8, rewarm=4, samples=4, members=4, tree_depth=3)
SLOPE = Mean(lambda params, x: params["slope"] * x[:, 0], {"slope": dist.Normal(0.0, 2.0)})
# a pool of two columns as a table of two blocks, the second of them one column: both of length 1
BLOCKS = (Block("raw", 0, 2, np.full(2, 6**0.5)), Block("pca", 1, 2, np.full(1, 12**0.5)))


def deep(**config):
    """The deep kernel on both blocks."""
    return deep_kernel(BLOCKS, DeepKernelConfig(folds=2, gp=GPConfig(**QUICK, **config)))


def trained(**config):
    """The same with a network."""
    settings = DeepKernelConfig(folds=2, gp=GPConfig(**QUICK, **config))
    fit_config = TrainedDeepKernelConfig(("raw",), steps=4, warm_steps=2, stop_every=2, deep_kernel=settings)
    return trained_deep_kernel(BLOCKS, skip(2, 2, (4,)), fit_config)


def noisy(**config):
    """A process whose noise varies with x."""
    first, second = (gaussian_process(GPConfig(kernel=kernel, **QUICK, **config)) for kernel in ("matern52", "rbf"))
    return heteroscedastic(first, second, rounds=1, folds=3, support=8).surrogate


MAKERS = {
    "map": lambda **config: gaussian_process(GPConfig(**QUICK, **config)),
    "sum": lambda **config: gaussian_process(GPConfig(kernel="rbf + matern32[0] * periodic[1]", **QUICK, **config)),
    "mean": lambda **config: gaussian_process(GPConfig(**QUICK, **config), mean=SLOPE),
    "particles": lambda **config: laplace_particles(GPConfig(**QUICK, **config), members=4),
    "bayesian": lambda **config: fully_bayesian(GPConfig(**QUICK, **config), SHORT),
    "two_fidelities": lambda **config: two_fidelities(GPConfig(**QUICK, **config)),
    "deep": deep,
    "trained": trained,
    "warped": lambda **config: warped(gaussian_process(GPConfig(**QUICK, **config)), (0.5,)),
    "noisy": noisy,
    "gradients": lambda **config: gradient_process(GPConfig(kernel="rbf", **QUICK, **config)),
}
SIBLINGS = MAKERS | {
    "published": lambda: published_deep_kernel(BLOCKS, mlp((2, 4, 2)), PublishedDeepKernelConfig(steps=2)),
    "sampled": lambda: sampled_deep_kernel(BLOCKS, hidden=2, sampling=SHORT),
    "warped particles": lambda: warped(MAKERS["particles"](), (1.0,)),
    "warped noisy": lambda: warped(noisy(), (1.0,)),
    "noisy particles": lambda: heteroscedastic(MAKERS["particles"](), MAKERS["map"]()).surrogate,
}


COUNT, CAPACITY = 12, 16  # observations, and rows that can hold one


def target(x):
    """A smooth function of two inputs."""
    return jnp.sin(5 * x[0]) + x[1] ** 2


def data_of(name, x, y, mask, noise=None):
    """The record that this surrogate takes; gradients are those of ``target``."""
    if name != "gradients":
        return observations(x, y, mask, noise)
    return GradientData(x, y, jax.vmap(jax.grad(target))(x).astype(x.dtype), mask, jnp.zeros_like(y))


@cache
def pool_of(name, dtype="float64"):
    """30 points of the unit square; the last column is a fidelity where one is needed."""
    x = jax.random.uniform(jax.random.key(5), (30, 2), jnp.dtype(dtype))
    return x.at[:, 1].set(jnp.round(x[:, 1])) if name == "two_fidelities" else x
