"""Gaussian-process campaigns as pure functions of a key: compile once, run over as many seeds as you like.

    import bo, jax, jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    pool = jnp.linspace(0.0, 1.0, 200)[:, None]  # candidates, (pool, dim)
    campaign = bo.campaign(
        lambda key, x: jnp.sin(12 * x[0]) * x[0],  # the objective, to be maximised
        pool,
        bo.gaussian_process(),
        bo.log_expected_improvement(),
        bo.CampaignConfig(initial_points=5, steps=15, refit_every=5),
    )
    state, info = bo.run(jax.random.key(0), campaign)
    print(f"{state.best:.4f} at x = {state.best_x[0]:.4f} after {info.value.size} evaluations")

A campaign goes over a pool of candidates (``campaign``) or a box (``box``). ``run`` makes a whole one, ``run_seeds``
one for each of many keys, ``run_resumable`` one that survives being killed, ``batch.run`` one of several evaluations
at a time; ``session`` proposes points to experiments outside JAX.

Names by kind:

- campaigns: campaign, box, run, run_seeds, run_resumable, run_with_slopes, batch, session; CampaignConfig, BoxConfig;
  State, Info, SlopeInfo
- surrogates: gaussian_process (GPConfig), fully_bayesian, laplace_particles, two_fidelities, gradient_process; around
  any of them warped, heteroscedastic, circular; deep_kernel on features (fit_features of raw, pca, diffusion,
  random_conv), and sampled_, static_, trained_ and published_deep_kernel
- acquisitions: log_expected_improvement (the default choice), expected_improvement, log_probability_of_improvement,
  upper_confidence_bound, thompson, variance, max_value_entropy, knowledge_gradient; with weights of their own
  scheduled_, randomised_, calibrated_ and quantile_upper_confidence_bound; combined portfolio, nominated, per_cost,
  travel_penalty, visited_penalty; with a generative model weighed_by_density, improving_draw; of several objectives
  random_scalarisation, hypervolume_improvement; baselines at_random, in_order; measured_in for one of your own where
  evaluations fail
- spaces of mixed inputs: Space of real, integer, category; constraints at_most, at_least
- several named values: Outcomes, Limit, front, hypervolume
- compiling: compiler_options, for a campaign under a ``jax.jit`` of your own
- data: observations, Data, Observation; problems (test functions); calibration, half_widths
"""

# ruff: noqa: F401  (names that are imported for type checkers only)
from importlib import import_module
from typing import TYPE_CHECKING

from ferro_jax import before_xla

before_xla.prepare()

if TYPE_CHECKING:  # the same names once more, for editors and type checkers
    from bo import data, problems
    from bo.acquisitions.analytic import (
        at_random,
        expected_improvement,
        in_order,
        log_expected_improvement,
        log_probability_of_improvement,
        thompson,
        upper_confidence_bound,
        variance,
    )
    from bo.acquisitions.base import Acquisition, View, measured_in
    from bo.acquisitions.combined import nominated, per_cost, portfolio, travel_penalty, visited_penalty
    from bo.acquisitions.fidelity import two_fidelity_upper_confidence_bound
    from bo.acquisitions.front import hypervolume_improvement, random_scalarisation
    from bo.acquisitions.generative import improving_draw, weighed_by_density
    from bo.acquisitions.lookahead import knowledge_gradient, max_value_entropy
    from bo.acquisitions.weights import (
        calibrated_upper_confidence_bound,
        quantile_upper_confidence_bound,
        randomised_upper_confidence_bound,
        scheduled_upper_confidence_bound,
    )
    from bo.campaigns import batch
    from bo.campaigns.box import box
    from bo.campaigns.calibration import calibration, half_widths
    from bo.campaigns.cube import unit_cube
    from bo.campaigns.pool import campaign
    from bo.campaigns.protocols import Campaign
    from bo.campaigns.records import BoxConfig, CampaignConfig, Info, Proposal, State
    from bo.campaigns.resumable import run_resumable
    from bo.campaigns.running import run
    from bo.campaigns.seeds import run_seeds
    from bo.campaigns.session import session
    from bo.campaigns.tables import indexed, lookup
    from bo.campaigns.with_slopes import SlopeInfo, run_with_slopes
    from bo.compiling import compiler_options
    from bo.data import Data, Observation, Shared, observations
    from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
    from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
    from bo.deep_kernels.sampled import sampled_deep_kernel
    from bo.deep_kernels.static import static_deep_kernel
    from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
    from bo.devices import mesh_of, place
    from bo.features.base import Block, fit_features, pca, raw
    from bo.features.convolution import random_conv
    from bo.features.diffusion import diffusion
    from bo.inputs import at_least, at_most, category, integer, real
    from bo.outcomes import Limit, Outcomes, front, hypervolume
    from bo.space import Space
    from bo.surrogates.base import FitInfo, Prediction, Surrogate, with_noise
    from bo.surrogates.bayesian import SamplingConfig, fully_bayesian
    from bo.surrogates.circular import circular
    from bo.surrogates.gp import gaussian_process
    from bo.surrogates.gradients import gradient_observations, gradient_process
    from bo.surrogates.heteroscedastic import heteroscedastic
    from bo.surrogates.laplace import laplace_particles
    from bo.surrogates.multifidelity import two_fidelities
    from bo.surrogates.process_types import GPConfig, Mean
    from bo.surrogates.warped import warped

# Where each public name is defined. It is imported on first use, because ``import gpjax`` starts XLA.
_HOMES = {
    "Acquisition": "bo.acquisitions.base",
    "Block": "bo.features.base",
    "BoxConfig": "bo.campaigns.records",
    "Campaign": "bo.campaigns.protocols",
    "CampaignConfig": "bo.campaigns.records",
    "Data": "bo.data",
    "DeepKernelConfig": "bo.deep_kernels.deep_kernel",
    "FitInfo": "bo.surrogates.base",
    "GPConfig": "bo.surrogates.process_types",
    "Info": "bo.campaigns.records",
    "Mean": "bo.surrogates.process_types",
    "Observation": "bo.data",
    "Prediction": "bo.surrogates.base",
    "Proposal": "bo.campaigns.records",
    "PublishedDeepKernelConfig": "bo.deep_kernels.published",
    "SamplingConfig": "bo.surrogates.bayesian",
    "Shared": "bo.data",
    "SlopeInfo": "bo.campaigns.with_slopes",
    "Space": "bo.space",
    "State": "bo.campaigns.records",
    "Surrogate": "bo.surrogates.base",
    "TrainedDeepKernelConfig": "bo.deep_kernels.trained",
    "View": "bo.acquisitions.base",
    "at_least": "bo.inputs",
    "at_most": "bo.inputs",
    "at_random": "bo.acquisitions.analytic",
    "batch": "bo.campaigns",
    "box": "bo.campaigns.box",
    "calibrated_upper_confidence_bound": "bo.acquisitions.weights",
    "calibration": "bo.campaigns.calibration",
    "campaign": "bo.campaigns.pool",
    "category": "bo.inputs",
    "circular": "bo.surrogates.circular",
    "data": "bo",
    "compiler_options": "bo.compiling",
    "deep_kernel": "bo.deep_kernels.deep_kernel",
    "diffusion": "bo.features.diffusion",
    "expected_improvement": "bo.acquisitions.analytic",
    "fit_features": "bo.features.base",
    "fully_bayesian": "bo.surrogates.bayesian",
    "gaussian_process": "bo.surrogates.gp",
    "gradient_observations": "bo.surrogates.gradients",
    "gradient_process": "bo.surrogates.gradients",
    "heteroscedastic": "bo.surrogates.heteroscedastic",
    "improving_draw": "bo.acquisitions.generative",
    "in_order": "bo.acquisitions.analytic",
    "indexed": "bo.campaigns.tables",
    "integer": "bo.inputs",
    "knowledge_gradient": "bo.acquisitions.lookahead",
    "laplace_particles": "bo.surrogates.laplace",
    "log_expected_improvement": "bo.acquisitions.analytic",
    "log_probability_of_improvement": "bo.acquisitions.analytic",
    "lookup": "bo.campaigns.tables",
    "Limit": "bo.outcomes",
    "Outcomes": "bo.outcomes",
    "front": "bo.outcomes",
    "half_widths": "bo.campaigns.calibration",
    "hypervolume": "bo.outcomes",
    "hypervolume_improvement": "bo.acquisitions.front",
    "random_scalarisation": "bo.acquisitions.front",
    "max_value_entropy": "bo.acquisitions.lookahead",
    "measured_in": "bo.acquisitions.base",
    "mesh_of": "bo.devices",
    "nominated": "bo.acquisitions.combined",
    "observations": "bo.data",
    "pca": "bo.features.base",
    "per_cost": "bo.acquisitions.combined",
    "place": "bo.devices",
    "portfolio": "bo.acquisitions.combined",
    "problems": "bo",
    "published_deep_kernel": "bo.deep_kernels.published",
    "quantile_upper_confidence_bound": "bo.acquisitions.weights",
    "random_conv": "bo.features.convolution",
    "randomised_upper_confidence_bound": "bo.acquisitions.weights",
    "raw": "bo.features.base",
    "real": "bo.inputs",
    "run": "bo.campaigns.running",
    "run_resumable": "bo.campaigns.resumable",
    "run_seeds": "bo.campaigns.seeds",
    "run_with_slopes": "bo.campaigns.with_slopes",
    "sampled_deep_kernel": "bo.deep_kernels.sampled",
    "scheduled_upper_confidence_bound": "bo.acquisitions.weights",
    "session": "bo.campaigns.session",
    "static_deep_kernel": "bo.deep_kernels.static",
    "thompson": "bo.acquisitions.analytic",
    "trained_deep_kernel": "bo.deep_kernels.trained",
    "travel_penalty": "bo.acquisitions.combined",
    "two_fidelities": "bo.surrogates.multifidelity",
    "two_fidelity_upper_confidence_bound": "bo.acquisitions.fidelity",
    "unit_cube": "bo.campaigns.cube",
    "upper_confidence_bound": "bo.acquisitions.analytic",
    "variance": "bo.acquisitions.analytic",
    "visited_penalty": "bo.acquisitions.combined",
    "warped": "bo.surrogates.warped",
    "weighed_by_density": "bo.acquisitions.generative",
    "with_noise": "bo.surrogates.base",
}
__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bo' has no attribute {name!r}; it has {', '.join(_HOMES)}")
    before_xla.prepare()  # once more: the program may have replaced XLA_FLAGS since the import
    home = _HOMES[name]
    there = vars(import_module(home))
    value = there[name] if name in there else import_module(f"{home}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
