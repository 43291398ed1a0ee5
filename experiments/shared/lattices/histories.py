"""Stages of the main job (``experiments/latent_bo/compute.py``): each computes, records its numbers and saves its arrays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.keys import Keys
from experiments.lab.run import Run, RunError, advance
from experiments.latent_bo.config import Config
from models.evaluation import latent
from models.training import loop
from models.training.config import FitConfig
from models.vaes.config import VAEConfig
from models.vaes.model import vae as make_vae


def trajectories(run: Run, keys: Keys, config: "Config") -> ferro.Oscillations:
    """Draw the training histories and save them with their generating parameters."""
    data = ferro.damped_oscillation(keys["data"], config.trajectories, form=config.form)
    dims = ("trajectory", "sample")
    run.add("training_curve", dims, data.curves, "1", "field history, scaled to its own range, with noise")
    run.add("training_curve_clean", dims, data.clean, "1", "field history before the noise")
    for name, text in (("amplitude", "amplitude A"), ("growth", "growth rate α"), ("frequency", "angular frequency ω"),
                       ("offset", "offset B")):  # fmt: skip
        run.add(name, dims[:1], getattr(data, name), "1", f"generating parameter: {text}")
    run.record(trajectories=config.trajectories, noise_rms=float(np.std(data.curves - data.clean)))
    return data


class Decoder(NamedTuple):
    """``decode(z) -> history`` of a trained VAE, in a form that travels between processes."""

    config: VAEConfig
    params: Any

    def __call__(self, z: Any) -> jax.Array:
        return make_vae(self.config).decode(self.params, jnp.asarray(z, jnp.float32))


def vae(run: Run, keys: Keys, data: ferro.Oscillations, config: "Config") -> Decoder:
    """Train the VAE, score it on fresh histories, save latents."""
    settings = VAEConfig(shape=(data.curves.shape[1],))
    model = make_vae(settings)
    fit_config = FitConfig(epochs=config.epochs)
    with run.progress(config.epochs, "epoch") as bar:
        fit = jax.jit(lambda key, x: loop.fit(key, model, x, fit_config, progress=advance(bar)))
        params, history = jax.block_until_ready(fit(keys["fit"], data.curves))
        jax.effects_barrier()
    if not bool(history.finite[-1]):
        raise RunError(f"training of the VAE went non-finite in epoch {int(np.argmin(history.finite)) + 1}")
    for part, terms in (("train", history.train), ("validation", history.validation)):
        for term, values in terms.items():
            if term == "loss":  # the negative ELBO, which is a term of its own
                continue
            units = "1" if term == "rmse" else "nats per curve"
            run.add(f"vae_{part}_{term}", ("epoch",), values, units, f"{part}: {term.replace('_', ' ')}")

    to_curves, to_draws = jax.random.split(keys["held_out"])
    fresh = ferro.damped_oscillation(to_curves, min(2000, config.trajectories), form=config.form)
    quality = jax.jit(lambda key, params, x: latent.evaluate(key, model, params, x))(to_draws, params, fresh.curves)
    run.record(
        vae_held_out_negative_elbo_nats_per_curve=quality["negative_elbo"],
        vae_held_out_reconstruction_nats_per_curve=quality["reconstruction"],
        vae_held_out_kl_nats_per_curve=quality["kl"],
        vae_held_out_rmse=quality["rmse_mean"],
        vae_train_negative_elbo_nats_per_curve=history.train["loss"][-1],
    )

    posterior = jax.jit(lambda params, x: latent.encode_all(model, params, x))(params, data.curves)
    run.add("latent_mean", ("trajectory", "z"), posterior.mean, "1", "posterior mean of each history")
    run.add("latent_std", ("trajectory", "z"), posterior.std, "1", "posterior standard deviation of each history")
    run.record(latent_extent=np.abs(posterior.mean).max())
    return Decoder(settings, jax.device_get(params))


def latent_grid(run: Run, decode: Decoder, config: "Config") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode the latent grid and tell which cells the training histories support."""
    grid = latent.latent_grid(-config.grid_extent, config.grid_extent, config.grid_points)
    curves = np.asarray(jax.jit(jax.vmap(decode))(grid))
    inside = latent.inside_support(np.asarray(grid), run.results.latent_mean.to_numpy())
    run.add("latent", ("cell", "z"), grid, "1", "latent coordinates of the grid's cells")
    run.add(
        "decoded_curve",
        ("cell", "sample"),
        curves,
        "1",
        "decoded history, in units of field_scale coercive fields; beyond 1 where the decoder extrapolates",
    )
    run.add("inside_support", ("cell",), inside, "1", "cell is as near to five training latents as 99 % of them are")
    run.record(inside_support_share=inside.mean(), decoded_peak=np.abs(curves).max())
    return np.asarray(grid, np.float64), curves, inside
