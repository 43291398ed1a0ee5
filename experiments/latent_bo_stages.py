"""Stages of the main job (``experiments/latent_bo.py``): each computes, records its numbers and saves its arrays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bo.campaign import Config as CampaignConfig
from ferro_jax.dynamics import subset_masks
from ferro_jax.presets import Setup
from ferro_jax.simulate import simulate, target

from bo import acquisition
from experiments import scores
from experiments.harness import Run, RunError
from experiments.parallel import over_devices
from ferro_jax import disorder, presets, waveforms
from models import latent, training
from models.types import Posterior
from models.vae import VAEConfig
from models.vae import vae as make_vae

if TYPE_CHECKING:
    from experiments.latent_bo import Config

Keys = dict[str, jax.Array]
MAP_CHUNK = 640  # histories per device and call: ten of the simulator's own chunks, and a progress bar that moves


class Problem(NamedTuple):
    """The search problem and what it is scored against."""

    latent: np.ndarray  # (cell, z), float64
    curves: np.ndarray  # (cell, time) decoded histories, float32
    inside: np.ndarray  # (cell,) inside the training support
    truth: np.ndarray  # (cell,) target of the lecture preset: for scores only
    setup: Setup
    local_field: np.ndarray
    subset_key: jax.Array


def trajectories(run: Run, keys: Keys, config: "Config") -> waveforms.Histories:
    """Draw the training histories and save them with their generating parameters."""
    data = waveforms.damped_oscillation(keys["data"], config.trajectories, form=config.form)
    dims = ("trajectory", "sample")
    run.add("trajectory", dims, data.curves, "1", "field history, scaled to its own range, with noise")
    run.add("trajectory_clean", dims, data.clean, "1", "field history before the noise")
    for name, text in (("amplitude", "amplitude A"), ("alpha", "growth rate α"), ("omega", "angular frequency ω"),
                       ("offset", "offset B")):  # fmt: skip
        run.add(name, dims[:1], getattr(data, name), "1", f"generating parameter: {text}")
    run.record(trajectories=config.trajectories, noise_rms=float(np.std(data.curves - data.clean)))
    return data


def vae(run: Run, keys: Keys, data: waveforms.Histories, config: "Config") -> Callable[[Any], jax.Array]:
    """Train the VAE, score it on fresh histories, save latents; returns ``decode(z) -> history``."""
    model = make_vae(VAEConfig(input_dim=data.curves.shape[1]))
    fit_config = training.FitConfig(epochs=config.epochs)
    with run.progress(config.epochs, "epoch") as bar:
        fit = jax.jit(lambda key, x: training.fit(key, model, x, fit_config, progress=lambda *_: bar.update()))
        params, history = jax.block_until_ready(fit(keys["fit"], data.curves))
        jax.effects_barrier()
    if not bool(history.finite[-1]):
        raise RunError(f"training of the VAE went non-finite in epoch {int(np.argmin(history.finite)) + 1}")
    for part, terms in (("train", history.train), ("validation", history.validation)):
        for term, values in terms.items():
            name = "negative_elbo" if term == "loss" else term
            units = "1" if term == "rmse" else "nats per curve"
            run.add(f"vae_{part}_{name}", ("epoch",), values, units, f"{part}: {name.replace('_', ' ')}")

    to_curves, to_draws = jax.random.split(keys["held_out"])
    fresh = waveforms.damped_oscillation(to_curves, min(2000, config.trajectories), form=config.form)
    quality = jax.jit(lambda key, params, x: latent.evaluate(key, model, params, x))(to_draws, params, fresh.curves)
    run.record(
        vae_held_out_negative_elbo_nats_per_curve=quality["loss"],
        vae_held_out_reconstruction_nats_per_curve=quality["reconstruction"],
        vae_held_out_kl_nats_per_curve=quality["kl"],
        vae_held_out_rmse=quality["rmse_mean"],
        vae_train_negative_elbo_nats_per_curve=history.train["loss"][-1],
    )

    posterior = jax.jit(lambda params, x: latent.encode_all(model, params, x))(params, data.curves)
    run.add("latent_mean", ("trajectory", "z"), posterior.mean, "1", "posterior mean of each history")
    run.add("latent_std", ("trajectory", "z"), posterior.std, "1", "posterior standard deviation of each history")
    run.record(latent_extent=np.abs(posterior.mean).max())
    return lambda z: model.decode(params, jnp.asarray(z, jnp.float32))


def latent_grid(
    run: Run, keys: Keys, decode: Callable[[Any], jax.Array], config: "Config"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode the latent grid and tell which cells the training histories support."""
    grid = latent.latent_grid(-config.grid_extent, config.grid_extent, config.grid_points)
    curves = np.asarray(jax.jit(jax.vmap(decode))(grid))
    means, stds = (jnp.asarray(run.results[name].to_numpy()) for name in ("latent_mean", "latent_std"))
    inside = np.asarray(jax.jit(latent.inside_support)(keys["support"], grid, Posterior(means, stds)))
    run.add("latent", ("cell", "z"), grid, "1", "latent coordinates of the grid's cells")
    run.add("decoded_curve", ("cell", "sample"), curves, "1", "decoded history (fraction of the largest field)")
    run.add("inside_support", ("cell",), inside, "1", "cell lies in the region that holds 99 % of the latents")
    run.record(inside_support_share=inside.mean(), decoded_peak=np.abs(curves).max())
    return np.asarray(grid, np.float64), curves, inside


def ground_truth(run: Run, keys: Keys, cells: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Problem:
    """Simulate every decoded history under the lecture preset, the same with all sites moving, and the physical one."""
    grid, curves, inside = cells
    lecture, physical = presets.lecture(jnp.float32), presets.physical(jnp.float32)
    synchronous = presets.synchronous(lecture)
    fields = {
        setup.name: disorder.random_field(keys["field"], setup.lattice, setup.coercive_field, dtype=jnp.float32)
        for setup in (lecture, physical)
    }
    steps = lecture.steps
    applied = np.asarray(jax.jit(jax.vmap(lambda c: waveforms.applied_field(c, lecture)[:, 0]))(curves))
    run.add("applied_field", ("cell", "time"), applied, "model unit", "field E_x of each step, lecture preset")
    masks = np.asarray(subset_masks(keys["subset"], steps, lecture.lattice)).reshape(steps, -1)
    run.add("subset", ("step", "site"), masks, "1", "site (row-major) moves in this step, lecture preset")
    run.add("local_field", ("component", "row", "column"), fields["lecture"], "model unit",
            "random field of the defects, lecture preset; components x, y; the row counts along x in its curl")  # fmt: skip
    run.add("local_field_physical", ("component", "row", "column"), fields["physical"], "model unit",
            "the same defects under the physical preset, whose coercive field is √2 larger")  # fmt: skip

    truths = {}
    with run.progress(3 * len(curves), "history") as bar:
        for setup, name in ((lecture, "lecture"), (synchronous, "synchronous"), (physical, "physical")):
            local = fields["physical" if setup is physical else "lecture"]

            def one(curve: jax.Array, setup: Setup = setup, local: jax.Array = local) -> tuple:
                end = simulate(keys["subset"], curve, local, setup)
                return target(end.state, setup), end.residual

            before = bar.n
            values, residual = over_devices(one, MAP_CHUNK)(
                curves, progress=lambda done, before=before: bar.update(before + done - bar.n)
            )
            _refuse_non_finite(f"simulation of the map, {name} preset", values, "cell")
            text = {"lecture": "lecture preset", "synchronous": "lecture preset, but all sites move in each step",
                    "physical": "physical preset"}[name]  # fmt: skip
            run.add(f"target_{name}", ("cell",), values, "model unit", f"sum of |curl P| at the end: {text}")
            truths[name] = values
            if setup is physical:
                run.record(physical_settled_share=np.mean(residual < setup.tolerance))
    truth = truths["lecture"]
    run.record(
        map_min=truth.min(), map_median=np.median(truth), map_max=truth.max(),
        **{f"map_p{q}": np.percentile(truth, q) for q in (90, 95, 99)},
        map_max_inside_support=truth[inside].max() if inside.any() else float("nan"),
        top_1_percent_inside_support_share=inside[scores.top_cells(truth, 0.01)].mean(),
        map_correlation_lecture_synchronous=np.corrcoef(truth, truths["synchronous"])[0, 1],
        map_correlation_lecture_physical=np.corrcoef(truth, truths["physical"])[0, 1],
    )  # fmt: skip
    return Problem(grid, curves, inside, truth, lecture, np.asarray(fields["lecture"]), keys["subset"])


def campaigns(run: Run, key: jax.Array, decode: Callable[[Any], jax.Array], problem: Problem, config: "Config") -> None:
    """Gaussian-process campaigns with μ + κσ over the grid, the simulation computed live."""

    def objective(key: jax.Array, z: jax.Array) -> jax.Array:
        end = simulate(problem.subset_key, decode(z), problem.local_field, problem.setup)
        return target(end.state, problem.setup)

    rule = acquisition.upper_confidence_bound(config.kappa)
    settings = CampaignConfig(initial_points=config.initial_points, steps=config.steps)
    state, info = _run_all(run, key, objective, rule, settings, problem, config)
    _refuse_non_finite("campaign", info.value, "evaluation", "seed")
    _save_campaign(run, "", state, info, problem)
    live = np.abs(np.asarray(info.value) - problem.truth[np.asarray(info.index)])
    run.record(live_against_map_max_difference=live.max())


def baselines(run: Run, key: jax.Array, problem: Problem, config: "Config") -> None:
    """Random and Sobol orders at the same budget, their surfaces scored by the same Gaussian process.

    Their values are read off the map (the same simulations), and hyperparameters are refitted every 100 evaluations.
    """
    raise NotImplementedError
