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
    from bo.deep_kernels.frozen import DKLConfig
    from bo.deep_kernels.frozen import frozen as deep_kernel
    from bo.deep_kernels.joint import joint as trained_deep_kernel
    from bo.features.base import fit as fit_features
    from bo.features.base import pca, raw
    from bo.features.convolution import random_conv
    from bo.features.diffusion import diffusion
    from bo.surrogates.bayesian import fully_bayesian
    from bo.surrogates.circular import circular
    from bo.surrogates.gp import gaussian_process
    from bo.surrogates.gradients import gradient_process
    from bo.surrogates.heteroscedastic import heteroscedastic
    from bo.surrogates.laplace import particles as laplace_particles
    from bo.surrogates.multifidelity import two_fidelities
    from bo.surrogates.process_types import GPConfig
    from bo.surrogates.warped import warped

# Where each public name is defined. Names are imported on first use, because ``import gpjax`` starts XLA.
_HOMES = {
    "BoxConfig": "bo.campaigns.box",
    "CampaignConfig": "bo.campaigns.records",
    "DKLConfig": "bo.deep_kernels.frozen",
    "Data": "bo.data",
    "GPConfig": "bo.surrogates.process_types",
    "Observation": "bo.data",
    "box": "bo.campaigns.box",
    "campaign": "bo.campaigns.pool",
    "circular": "bo.surrogates.circular",
    "data": "bo",
    "deep_kernel": "bo.deep_kernels.frozen:frozen",
    "diffusion": "bo.features.diffusion",
    "fit_features": "bo.features.base:fit",
    "fully_bayesian": "bo.surrogates.bayesian",
    "gaussian_process": "bo.surrogates.gp",
    "gradient_process": "bo.surrogates.gradients",
    "heteroscedastic": "bo.surrogates.heteroscedastic",
    "laplace_particles": "bo.surrogates.laplace:particles",
    "log_expected_improvement": "bo.acquisitions.analytic",
    "observations": "bo.data",
    "pca": "bo.features.base",
    "problems": "bo",
    "random_conv": "bo.features.convolution",
    "raw": "bo.features.base",
    "run": "bo.campaigns.running",
    "run_resumable": "bo.campaigns.checkpoint",
    "run_seeds": "bo.campaigns.seeds",
    "session": "bo.campaigns.session",
    "thompson": "bo.acquisitions.analytic",
    "trained_deep_kernel": "bo.deep_kernels.joint:joint",
    "two_fidelities": "bo.surrogates.multifidelity",
    "upper_confidence_bound": "bo.acquisitions.analytic",
    "warped": "bo.surrogates.warped",
}
__all__ = [
    "BoxConfig",
    "CampaignConfig",
    "DKLConfig",
    "Data",
    "GPConfig",
    "Observation",
    "box",
    "campaign",
    "circular",
    "data",
    "deep_kernel",
    "diffusion",
    "fit_features",
    "fully_bayesian",
    "gaussian_process",
    "gradient_process",
    "heteroscedastic",
    "laplace_particles",
    "log_expected_improvement",
    "observations",
    "pca",
    "problems",
    "random_conv",
    "raw",
    "run",
    "run_resumable",
    "run_seeds",
    "session",
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
    home, _, source = _HOMES[name].partition(":")
    if home == "bo":
        return import_module(f"bo.{name}")
    value = getattr(import_module(home), source or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
