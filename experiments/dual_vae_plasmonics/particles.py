"""Single assemblies: what a dual VAE, a look-up and a linear rule tell of the shape from the spectrum, and back."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from experiments.datasets.plasmonics.particles import COARSE
from experiments.dual_vae_plasmonics.scores import score_angles, score_class, score_pictures, score_spectra
from experiments.dual_vae_plasmonics.sets import Sets, pooled, sets_of
from experiments.lab.run import Run
from experiments.shared.images import fits
from experiments.shared.structure_property import scans as shared
from experiments.shared.structure_property.options import ParticleSettings
from models.data import Pair
from models.paired.dual_vae import DualVAEConfig, impute
from models.training.config import FitConfig
from models.vaes.config import VAEConfig


def compute(run: "Run", config: ParticleSettings) -> None:
    """All stages."""
    to_data, to_fits = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        sets = sets_of(to_data, config)
        _add_data(run, sets, config)
    with run.stage("baselines"):
        others = _baselines(run, sets, config)
    with run.stage("dual"):
        shapes = sets.test.coarse.shape[1:], (len(sets.test.polarization), len(sets.wavelength))
        common: dict[str, Any] = {
            "hidden": (config.width, config.width),
            "latent_dim": config.latent_dim,
            "activation": "silu",
        }
        # a spectrum alone weighs twice: to read it is harder than to read an image
        parts = (
            VAEConfig(shape=shape, sigma=sigma, **common) for shape, sigma in zip(shapes, (0.1, 0.02), strict=True)
        )
        model = DualVAEConfig(*parts, weights=(1.0, 2.0, 1.0))
        fit_config = FitConfig(config.epochs, config.batch_size, learning_rate=1.5e-3, final_rate=0.02)
        fitted = fits.fit(run, "dual", jax.random.split(to_fits, config.seeds), model, _device(sets.training),
                              _device(sets.validation), fit_config)  # fmt: skip
    with run.stage("predictions"):
        _predict(run, fitted, sets, others, config)


def _device(pair: Pair) -> Pair:
    return jax.tree.map(jnp.asarray, pair)


def _add_data(run: "Run", sets: Sets, config: ParticleSettings) -> None:
    test = sets.test
    run.results.attrs |= {"source": test.source, "classes": list(test.classes)}
    run.add("wavelength", ("wavelength",), sets.wavelength, "nm", "wavelength in vacuum", coordinate=True)
    run.add("polarization", ("polarization",), test.polarization, "degree", "polarization from x", coordinate=True)
    run.add("true_image", ("particle", "row", "column"), test.coarse, "1", "electron image, brightness")
    run.add("true_spectrum", ("particle", "polarization", "wavelength"), pooled(test.spectrum, config.pool), "1e4 nm2",
            "scattering cross section")  # fmt: skip
    run.add("label", ("particle",), test.label, "1", "class: " + ", ".join(test.classes))
    run.add("angle", ("particle",), test.angle, "rad", "true angle of the longer axis, modulo π")
    run.add("aspect_ratio", ("particle",), test.aspect_ratio, "1", "true aspect ratio")
    run.record(training_assemblies=len(sets.particles.label), held_out_assemblies=len(test.label), seeds=config.seeds,
               elongated_from=config.elongated,
               elongated_share=float((test.aspect_ratio >= config.elongated).mean()))  # fmt: skip


def _baselines(run: "Run", sets: Sets, config: ParticleSettings) -> dict[str, dict[str, np.ndarray]]:
    """Pictures from spectra and spectra from pictures by the nearest example and by ridge regression; classes by the
    nearest example, by ridge regression on indicators, and by a support-vector machine that sees the spectra."""

    training, watched, test = sets.training, sets.validation, sets.held_out
    label = sets.label
    indicators = np.eye(len(sets.test.classes))[label]
    spectra, new = shared.flat(training.spectrum), shared.flat(test.spectrum)
    pictures = shared.baselines(spectra, training.image, (watched.spectrum, watched.image), new)
    back = shared.baselines(training.image, training.spectrum, (watched.image, watched.spectrum), test.image)
    seen = np.eye(indicators.shape[1])[np.arange(len(shared.flat(watched.image))) % indicators.shape[1]]
    found = shared.baselines(spectra, indicators, (watched.spectrum, seen), new)
    machine = make_pipeline(PCA(min(40, *spectra.shape)), StandardScaler(), SVC(C=10))
    found["machine"] = np.eye(indicators.shape[1])[machine.fit(spectra, label).predict(new)]
    for name, values in found.items():
        score_class(run, name, [values.argmax(1)], sets.test, config.seeds)
    for name, values in pictures.items():
        values = values.reshape(-1, COARSE, COARSE)
        pictures[name] = values
        score_pictures(run, name, values[None], sets, config)
        score_spectra(run, name, back[name][None], sets, config)
    return {"picture": pictures, "spectrum": back}


def _predict(run: "Run", fitted: fits.Fitted, sets: Sets, others: dict[str, Any], config: ParticleSettings) -> None:
    """Codes and predictions of every seed, and their scores."""
    model = fitted.model

    def code(params: Any, pair: Pair) -> jax.Array:
        return jax.lax.map(lambda one: model.encode(params, one).mean, pair, batch_size=300)

    def other(params: Any, pair: Pair) -> Pair:
        return jax.lax.map(lambda one: impute(model, params, one), pair, batch_size=300)

    over = jax.jit(lambda f, params, pair: jax.lax.map(lambda one: f(one, pair), params), static_argnums=0)
    training, test = _device(sets.training), _device(sets.held_out)
    learned = np.asarray(over(code, fitted.params, training._replace(image=None)))
    codes = np.asarray(over(code, fitted.params, test._replace(image=None)))
    by_image = np.asarray(over(code, fitted.params, test._replace(spectrum=None)))
    pictures = np.asarray(over(other, fitted.params, test._replace(image=None)).image)
    spectra = np.asarray(over(other, fitted.params, test._replace(spectrum=None)).spectrum)
    run.add("code", ("seed", "particle", "latent"), codes, "1", "code of the spectrum")
    run.add("code_of_image", ("seed", "particle", "latent"), by_image, "1", "code of the image")
    run.add("picture", ("particle", "row", "column"), pictures[0], "1", "image told from the spectrum, first seed")
    run.add("spectrum", ("particle", "polarization", "wavelength"), spectra[0] ** 2 * sets.top, "1e4 nm2",
            "spectrum told from the image, first seed")  # fmt: skip
    run.add("nearest_picture", ("particle", "row", "column"), others["picture"]["nearest"], "1",
            "image of the nearest training spectrum")  # fmt: skip
    _read_out(run, learned, codes, sets, config)
    score_pictures(run, "dual", pictures, sets, config)
    score_spectra(run, "dual", spectra, sets, config)
    for name in ("nearest", "ridge"):
        for part in ("spectrum", "picture"):
            ratio = run.metrics[f"dual_{part}_nmse"] / run.metrics[f"{name}_{part}_nmse"]
            run.record(**{f"{part}_over_{name}": ratio})
    _manifold(run, fitted, learned[0], sets, config)


def _read_out(run: "Run", learned: np.ndarray, codes: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Class and angle read out of the codes of spectra: rules fitted on the training spectra's."""

    train, own = sets.particles, len(sets.particles.label)
    found, angles, ratios = [], [], []
    long = np.flatnonzero(train.aspect_ratio >= config.elongated)
    doubled = np.stack([np.cos(2 * train.angle), np.sin(2 * train.angle)], 1)
    for every, new in zip(learned, codes, strict=True):
        found.append(make_pipeline(StandardScaler(), SVC(C=10)).fit(every, sets.label).predict(new))
        known = every[:own]
        near = make_pipeline(StandardScaler(), KNeighborsRegressor(min(10, len(long))))
        cosine, sine = near.fit(known[long], doubled[long]).predict(new).T
        angles.append(np.mod(np.arctan2(sine, cosine) / 2, np.pi))
        ratios.append(
            make_pipeline(StandardScaler(), KNeighborsRegressor(10)).fit(known, train.aspect_ratio).predict(new)
        )
    score_class(run, "dual", found, sets.test, config.seeds)
    run.add("found_class", ("seed", "particle"), np.stack(found), "1", "class read out of the spectrum's code")
    score_angles(run, "dual_code", np.stack(angles), np.stack(ratios), sets, config)


def _manifold(run: "Run", fitted: fits.Fitted, codes: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """The plane of the two directions in which the training codes of the first seed spread most, decoded both ways."""
    centre = codes.mean(0)
    _, size, directions = np.linalg.svd(codes - centre, full_matrices=False)
    spread = size[:2] / np.sqrt(len(codes))
    axis = np.linspace(-2, 2, config.manifold_points)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    z = centre + np.stack([first.ravel(), second.ravel()], 1) @ (spread[:, None] * directions[:2])
    params = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    decoded = jax.jit(jax.vmap(lambda z: fitted.model.decode(params, z)))(jnp.asarray(z, jnp.float32))
    side = (config.manifold_points, config.manifold_points)
    image, spectrum = np.asarray(decoded.image), np.asarray(decoded.spectrum) ** 2 * sets.top
    run.add(
        "manifold_axis", ("c1",), axis, "1", "place along a principal direction, in standard deviations of the codes"
    )
    run.add(
        "manifold_image", ("c1", "c2", "row", "column"), image.reshape(*side, *image.shape[1:]), "1", "decoded images"
    )
    spectrum = spectrum.reshape(*side, *spectrum.shape[1:])
    run.add("manifold_spectrum", ("c1", "c2", "polarization", "wavelength"), spectrum, "1e4 nm2", "decoded spectra")
    plane = (run.results.code[0].to_numpy() - centre) @ directions[:2].T / spread
    run.add("plane", ("particle", "plane_axis"), plane, "1", "held-out codes of the first seed in that plane")
