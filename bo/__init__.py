"""Gaussian-process campaigns as pure functions of a key: one compilation, vmapped over seeds.

A campaign over a pool of candidates:

    import bo, jax, jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    pool = jnp.linspace(0.0, 1.0, 200)[:, None]  # candidates [pool dim]
    campaign = bo.campaign(
        lambda key, x: jnp.sin(12 * x[0]) * x[0],  # what is maximised
        pool,
        bo.gaussian_process(),
        bo.log_expected_improvement(),
        bo.CampaignConfig(initial_points=5, steps=15, refit_every=5),
    )
    state, info = jax.jit(lambda key: bo.run(key, campaign))(jax.random.key(0))
    print(state.best_x, state.best)

``jax.vmap`` over keys makes it a study over seeds. Names are imported on first use, because GPJax starts XLA.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# The reasons for both variables are given in ``docs/sharp_bits.md``; they must be set before XLA starts.
os.environ.setdefault("NPROC", "16")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from bo import data, problems
    from bo.acquisitions.analytic import log_expected_improvement, thompson, upper_confidence_bound
    from bo.campaigns.box import BoxConfig, box
    from bo.campaigns.checkpoint import run_resumable
    from bo.campaigns.pool import campaign
    from bo.campaigns.records import CampaignConfig
    from bo.campaigns.running import run
    from bo.campaigns.seeds import run_seeds
    from bo.campaigns.session import session
    from bo.data import Data, Observation, observations
    from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
    from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
    from bo.deep_kernels.sampled import sampled_deep_kernel
    from bo.deep_kernels.static import static_deep_kernel
    from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
    from bo.features.base import fit_features, indexed, lookup, pca, raw
    from bo.features.convolution import random_conv
    from bo.features.diffusion import diffusion
    from bo.surrogates.bayesian import SamplingConfig, fully_bayesian
    from bo.surrogates.circular import circular
    from bo.surrogates.gp import gaussian_process
    from bo.surrogates.gradients import gradient_observations, gradient_process
    from bo.surrogates.heteroscedastic import heteroscedastic
    from bo.surrogates.laplace import laplace_particles
    from bo.surrogates.multifidelity import two_fidelities
    from bo.surrogates.process_types import GPConfig
    from bo.surrogates.warped import warped

# Where each public name is defined. Names are imported on first use, because ``import gpjax`` starts XLA.
_HOMES = {
    "BoxConfig": "bo.campaigns.box",
    "CampaignConfig": "bo.campaigns.records",
    "Data": "bo.data",
    "DeepKernelConfig": "bo.deep_kernels.deep_kernel",
    "GPConfig": "bo.surrogates.process_types",
    "Observation": "bo.data",
    "PublishedDeepKernelConfig": "bo.deep_kernels.published",
    "SamplingConfig": "bo.surrogates.bayesian",
    "TrainedDeepKernelConfig": "bo.deep_kernels.trained",
    "box": "bo.campaigns.box",
    "campaign": "bo.campaigns.pool",
    "circular": "bo.surrogates.circular",
    "data": "bo",
    "deep_kernel": "bo.deep_kernels.deep_kernel",
    "diffusion": "bo.features.diffusion",
    "fit_features": "bo.features.base",
    "fully_bayesian": "bo.surrogates.bayesian",
    "gaussian_process": "bo.surrogates.gp",
    "gradient_observations": "bo.surrogates.gradients",
    "gradient_process": "bo.surrogates.gradients",
    "heteroscedastic": "bo.surrogates.heteroscedastic",
    "indexed": "bo.features.base",
    "laplace_particles": "bo.surrogates.laplace",
    "log_expected_improvement": "bo.acquisitions.analytic",
    "lookup": "bo.features.base",
    "observations": "bo.data",
    "pca": "bo.features.base",
    "problems": "bo",
    "published_deep_kernel": "bo.deep_kernels.published",
    "random_conv": "bo.features.convolution",
    "raw": "bo.features.base",
    "run": "bo.campaigns.running",
    "run_resumable": "bo.campaigns.checkpoint",
    "run_seeds": "bo.campaigns.seeds",
    "sampled_deep_kernel": "bo.deep_kernels.sampled",
    "session": "bo.campaigns.session",
    "static_deep_kernel": "bo.deep_kernels.static",
    "thompson": "bo.acquisitions.analytic",
    "trained_deep_kernel": "bo.deep_kernels.trained",
    "two_fidelities": "bo.surrogates.multifidelity",
    "upper_confidence_bound": "bo.acquisitions.analytic",
    "warped": "bo.surrogates.warped",
}
__all__ = [
    "BoxConfig",
    "CampaignConfig",
    "Data",
    "DeepKernelConfig",
    "GPConfig",
    "Observation",
    "PublishedDeepKernelConfig",
    "SamplingConfig",
    "TrainedDeepKernelConfig",
    "box",
    "campaign",
    "circular",
    "data",
    "deep_kernel",
    "diffusion",
    "fit_features",
    "fully_bayesian",
    "gaussian_process",
    "gradient_observations",
    "gradient_process",
    "heteroscedastic",
    "indexed",
    "laplace_particles",
    "log_expected_improvement",
    "lookup",
    "observations",
    "pca",
    "problems",
    "published_deep_kernel",
    "random_conv",
    "raw",
    "run",
    "run_resumable",
    "run_seeds",
    "sampled_deep_kernel",
    "session",
    "static_deep_kernel",
    "thompson",
    "trained_deep_kernel",
    "two_fidelities",
    "upper_confidence_bound",
    "warped",
]


def __getattr__(name: str):
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bo' has no attribute {name!r}; it has {', '.join(__all__)}")
    home = _HOMES[name]
    value = import_module(f"bo.{name}") if home == "bo" else getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
