"""Single assemblies: what a dual VAE, a look-up and a linear rule tell of the shape from the spectrum, and back."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.ndimage import rotate

from experiments import structure_property_runs as shared
from experiments import vae_runs
from experiments.datasets import plasmonics
from experiments.datasets.plasmonics import COARSE, SIZE, Particles
from experiments.datasets.plasmonics_shapes import Geometry, grid, orientation
from experiments.structure_property_options import ParticleSettings
from models import scores
from models.config import VAEConfig
from models.dual_vae import DualVAEConfig, impute
from models.fit_config import FitConfig
from models.pairs import Pair

if TYPE_CHECKING:
    from experiments.harness import Run

_DARK = 0.15  # brightness below which a pixel of a predicted picture is no metal
_WATCHED = 50


class Sets(NamedTuple):
    """Assemblies to train on (as pairs with what symmetry makes of them), to watch, and to score."""

    particles: Particles
    test: Particles
    training: Pair
    validation: Pair
    held_out: Pair
    wavelength: np.ndarray
    top: float

    @property
    def label(self) -> np.ndarray:
        """Class of every pair to train on."""
        return np.tile(self.particles.label, 2 * len(self.particles.polarization))


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
        how = FitConfig(config.epochs, config.batch_size, learning_rate=1.5e-3, final_rate=0.02)
        fitted = vae_runs.fit(run, "dual", jax.random.split(to_fits, config.seeds), model, _device(sets.training),
                              _device(sets.validation), how)  # fmt: skip
    with run.stage("predictions"):
        _predict(run, fitted, sets, others, config)


def sets_of(key: jax.Array, config: ParticleSettings) -> Sets:
    """Assemblies drawn and split, spectra as √(cross section/top): counting noise is then alike at all strengths."""
    geometry = Geometry(counts=config.counts)
    total = config.per_class + _WATCHED + config.held_out_per_class
    drawn = plasmonics.generate(key, plasmonics.Plasmonics(per_class=total, geometry=geometry))
    ends = len(config.counts) * np.array([config.per_class, config.per_class + _WATCHED])
    training, watched, test = (
        plasmonics.take(drawn, slice(*part)) for part in ((0, ends[0]), (ends[0], ends[1]), (ends[1], None))
    )
    top = float(np.quantile(training.spectrum.max((1, 2)), 0.99))
    return Sets(training, test, symmetric(training, config.pool, top), _pair(watched, config.pool, top),
                _pair(test, config.pool, top), pooled(drawn.wavelength, config.pool), top)  # fmt: skip


def pooled(values: np.ndarray, pool: int) -> np.ndarray:
    """Means over ``pool`` neighbours along the last axis; what does not fill the last group is left out."""
    whole = values.shape[-1] // pool * pool
    return values[..., :whole].reshape(*values.shape[:-1], -1, pool).mean(-1)


def _pair(particles: Particles, pool: int, top: float) -> Pair:
    """Spectra as [n polarization w], as the model sees them."""
    return Pair(particles.coarse, np.sqrt(pooled(particles.spectrum, pool) / top).astype(np.float32))


def symmetric(particles: Particles, pool: int, top: float) -> Pair:
    """Assemblies as they are, turned by every multiple of the angle between polarizations, and all of them mirrored.

    Scattering has no preferred direction: turned by that angle, an assembly has the spectra it had, each at the next
    polarization; in a mirror (left and right exchanged), at those of opposite angle. Needs no new simulation.
    """
    own, number = np.asarray(_pair(particles, pool, top).spectrum), len(particles.polarization)
    pictures, sections = [], []
    for turns in range(number):
        fine = rotate(particles.image, 180 / number * turns, (2, 1), reshape=False, order=1, mode="nearest")
        picture = plasmonics.coarsened(fine) if turns else particles.coarse
        spectrum = np.roll(own, turns, axis=1)
        pictures += [picture, picture[:, :, ::-1]]
        sections += [spectrum, spectrum[:, -np.arange(number)]]
    return Pair(np.concatenate(pictures), np.concatenate(sections))


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
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

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
        _score_class(run, name, [values.argmax(1)], sets.test, config.seeds)
    for name, values in pictures.items():
        values = values.reshape(-1, COARSE, COARSE)
        pictures[name] = values
        _score_pictures(run, name, values[None], sets, config)
        _score_spectra(run, name, back[name][None], sets, config)
    return {"picture": pictures, "spectrum": back}


def _predict(run: "Run", fitted: vae_runs.Fitted, sets: Sets, others: dict[str, Any], config: ParticleSettings) -> None:
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
    _score_pictures(run, "dual", pictures, sets, config)
    _score_spectra(run, "dual", spectra, sets, config)
    for name in ("nearest", "ridge"):
        for part in ("spectrum", "picture"):
            ratio = run.metrics[f"dual_{part}_nmse"] / run.metrics[f"{name}_{part}_nmse"]
            run.record(**{f"{part}_over_{name}": ratio})
    _manifold(run, fitted, learned[0], sets, config)


def _read_out(run: "Run", learned: np.ndarray, codes: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Class and angle read out of the codes of spectra: rules fitted on the training spectra's."""
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

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
    _score_class(run, "dual", found, sets.test, config.seeds)
    run.add("found_class", ("seed", "particle"), np.stack(found), "1", "class read out of the spectrum's code")
    _score_angles(run, "dual_code", np.stack(angles), np.stack(ratios), sets, config)


def _score_class(run: "Run", name: str, found: list[np.ndarray], test: Particles, seeds: int) -> None:
    """Share of each class that is told right from the spectrum."""
    found = found * (seeds if len(found) == 1 else 1)
    for number, label in enumerate(test.classes):
        own = test.label == number
        vae_runs.record(run, f"{name}_fidelity_{label}", [(one[own] == number).mean() for one in found], "1",
                        f"share of {label}s told right from the spectrum")  # fmt: skip
    counts = [scores.confusion(test.label, one, len(test.classes)) for one in found]
    run.add(f"{name}_confusion", ("seed", "true_class", "found_class"), np.stack(counts), "1", "assemblies")


def measured(pictures: Float[np.ndarray, "n row column"], pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Angle and aspect ratio of what each picture shows, by second moments of what is brighter than the support."""
    points = jnp.asarray(grid(COARSE, pixel * SIZE / COARSE))
    every = jax.jit(jax.vmap(lambda picture: orientation(jnp.clip(picture - _DARK, 0, 1), points)))
    angle, ratio = every(jnp.asarray(pictures, jnp.float32))
    return np.asarray(angle), np.asarray(ratio)


def _score_pictures(run: "Run", name: str, pictures: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Pictures told from spectra [seed n row column]: their error, and the angle and aspect ratio they show."""
    mean, true = shared.flat(sets.training.image).mean(0), sets.held_out.image
    pictures = np.repeat(pictures, config.seeds, 0) if len(pictures) == 1 else pictures
    vae_runs.record(run, f"{name}_picture_nmse", [shared.normalised_mse(one, true, mean) for one in pictures], "1",
                    "error of the image told from the spectrum over that of the mean image")  # fmt: skip
    each = [measured(one, sets.test.pixel) for one in pictures]
    _score_angles(run, name, np.stack([a for a, _ in each]), np.stack([r for _, r in each]), sets, config)


def _score_angles(
    run: "Run", name: str, angle: np.ndarray, ratio: np.ndarray, sets: Sets, config: ParticleSettings
) -> None:
    """Mean and median |error| of angles modulo 180° of elongated assemblies, their concordance; error of the ratio."""
    long = sets.test.aspect_ratio >= config.elongated
    true = sets.test.angle[long]
    error = scores.wrap(angle[:, long] - true[None], math.pi)
    run.add(f"{name}_angle", ("seed", "particle"), angle, "rad", "angle told from the spectrum")
    run.add(f"{name}_ratio", ("seed", "particle"), ratio, "1", "aspect ratio told from the spectrum")
    degrees = np.rad2deg(np.abs(error))
    vae_runs.record(run, f"{name}_angle_error_deg", degrees.mean(1), "degree", "mean |error| of the angle")
    vae_runs.record(
        run, f"{name}_angle_median_error_deg", np.median(degrees, 1), "degree", "median |error| of the angle"
    )
    vae_runs.record(run, f"{name}_angle_concordance", [concordance(true, true + one) for one in error], "1",
                    "Lin's concordance of told and true angle, told ones taken within 90° of the true")  # fmt: skip
    off = np.abs(ratio - sets.test.aspect_ratio[None]).mean(1)
    vae_runs.record(run, f"{name}_ratio_error", off, "1", "mean |error| of the aspect ratio")


def concordance(true: np.ndarray, told: np.ndarray) -> float:
    """Lin's concordance correlation coefficient, Biometrics 45, 255 (1989)."""
    shift = (true.mean() - told.mean()) ** 2
    return float(2 * np.mean((true - true.mean()) * (told - told.mean())) / (true.var() + told.var() + shift))


def _score_spectra(run: "Run", name: str, spectra: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
    """Spectra told from images [seed n …] as the models see them: their error, as cross sections."""
    rows = len(sets.test.label)

    def sections(values: Any) -> np.ndarray:
        return np.maximum(np.asarray(values).reshape(rows, -1), 0) ** 2

    mean = (shared.flat(sets.training.spectrum) ** 2).mean(0)
    errors = [shared.normalised_mse(sections(one), sections(sets.held_out.spectrum), mean) for one in spectra]
    errors = errors * (config.seeds if len(errors) == 1 else 1)
    vae_runs.record(run, f"{name}_spectrum_nmse", errors, "1",
                    "error of the spectrum told from the image over that of the mean spectrum")  # fmt: skip


def _manifold(run: "Run", fitted: vae_runs.Fitted, codes: np.ndarray, sets: Sets, config: ParticleSettings) -> None:
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
