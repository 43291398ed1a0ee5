"""A dual VAE as ``fit_dual`` returns it: codes of either side or of both, and one side from the other, in its units."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ferro_jax.printing import described
from models.data import Pair
from models.fitted import folder
from models.fitted.coding import in_pieces
from models.fitted.records import Axis, Codes
from models.fitted.scaling import Scaling, check_range, in_counts, warn_of_outliers
from models.fitted_pairs import scaling
from models.fitted_pairs.judging import Judged
from models.paired.config import DualVAEConfig
from models.paired.dual_vae import dual_vae
from models.stacks import floats, given_of
from models.types import Code, FitHistory, Model, Params

CHUNK = 300  # examples that are encoded or decoded at a time


class DualReport(NamedTuple):
    """What a fit is worth on the scored pairs.

    ``spectra`` are the numbers of ``judging.Judged`` (error, members, nearest, ridge, rms, rms_of_mean) of spectra
    predicted from images, ``images`` those of images from spectra. ``trained`` and ``scored`` are numbers of pairs,
    ``patch`` the size of an image, ``turned`` whether those to train on came in all orientations. ``negative_elbo`` are
    the bounds of the starts on watched pairs, nats per pair, of which the smallest was ``chosen``; ``epochs`` is the
    epoch whose weights were kept. ``latent_std`` is the standard deviation of the codes in each latent: near 0 where it
    has collapsed. ``problems`` say what is wrong and what to change; empty where nothing is.
    """

    spectra: tuple[Any, ...]
    images: tuple[Any, ...]
    trained: int
    scored: int
    patch: tuple[int, ...]
    turned: bool
    negative_elbo: tuple[float, ...]
    chosen: int
    epochs: int
    latent_std: tuple[float, ...]
    problems: tuple[str, ...]

    @property
    def of_spectra(self) -> Judged:
        """Errors of spectra predicted from images."""
        return Judged(*self.spectra)

    @property
    def of_images(self) -> Judged:
        """Errors of images predicted from spectra."""
        return Judged(*self.images)


class FittedDual(NamedTuple):
    """A trained dual VAE with all that leads from measured values to codes and back.

    ``image`` and ``spectrum`` are the scalings, ``axis`` is that of the spectra. A pixel has the size ``pixel`` in
    ``unit`` ((): unknown). ``history`` are the losses of the start that was kept.
    """

    config: DualVAEConfig
    params: Params
    image: Scaling
    spectrum: Scaling
    report: DualReport
    history: FitHistory
    axis: Axis | None = None
    pixel: tuple[float, ...] = ()
    unit: str = ""

    __repr__ = described

    @property
    def model(self) -> Model:
        """The dual VAE as pure functions, on scaled examples."""
        return dual_vae(self.config)

    def encode(self, images: Any = None, spectra: Any = None) -> Codes:
        """Return the codes of images [n ny nx], of spectra [n *channel], or of both: then of each pair together.

        ValueError for other shapes, for data out of the trained range and for missing values.
        """
        given = self._scaled(images, spectra)
        code = encoded(self.config, self.params, *given)
        return Codes(np.asarray(code.mean), np.asarray(code.std))

    def decode(self, z: Any) -> tuple[Float[np.ndarray, "*batch y x"], Float[np.ndarray, "*example"]]:
        """Return the images and the spectra at points z [*batch latent], in the units of the fit."""
        z = np.asarray(z, np.float32)
        latents = self.config.image.latent_dim
        if z.shape[-1:] != (latents,):
            raise ValueError(f"z has shape {z.shape}: its last axis needs the {latents} latents.")
        image, spectrum = decoded(self.config, self.params, z.reshape(-1, latents))
        image, spectrum = in_counts(image, self._of_image), in_counts(spectrum, self.spectrum)
        return image.reshape(*z.shape[:-1], *image.shape[1:]), spectrum.reshape(*z.shape[:-1], *spectrum.shape[1:])

    def predict_spectra(self, images: Any) -> Float[np.ndarray, "n *channel"]:
        """Return the spectra that are expected of images [n ny nx], in the units of the fit."""
        return self.decode(self.encode(images=images).z)[1]

    def predict_images(self, spectra: Any) -> Float[np.ndarray, "n y x"]:
        """Return the images that are expected of spectra [n *channel], in the units of the fit."""
        return self.decode(self.encode(spectra=spectra).z)[0]

    def save(self, path: Path | str) -> Path:
        """Write everything to a folder, which is made where it is missing, and return it; an older fit is replaced."""
        return folder.write(path, self, KIND)

    @property
    def _of_image(self) -> Scaling:
        """The scaling of images of the size that is encoded."""
        return self.image._replace(shape=self.config.image.shape)

    def _scaled(self, images: Any, spectra: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return scaled images and spectra, None where not given."""
        if images is None and spectra is None:
            raise ValueError("give images, spectra or both.")
        found: list[np.ndarray | None] = []
        for what, given, limits in (("images", images, self._of_image), ("spectra", spectra, self.spectrum)):
            if given is None:
                found.append(None)
                continue
            values = floats(given_of(given), slice(None))
            check_range(scaling.stack(values), limits)
            if what == "images":
                x, outliers = scaling.images_in(values, limits)
                warn_of_outliers(outliers)
            else:
                x = scaling.spectra_in(values, limits)
            missing = ~np.isfinite(x).reshape(len(x), -1).all(1)
            if missing.any():
                first = int(np.argmax(missing))
                raise ValueError(
                    f"{int(missing.sum())} of the {what} have missing values, the first is number {first}: leave them "
                    "out, or give the other side alone."
                )
            found.append(x)
        if found[0] is not None and found[1] is not None and len(found[0]) != len(found[1]):
            raise ValueError(f"{len(found[0])} images and {len(found[1])} spectra: give one spectrum for each image.")
        return found[0], found[1]


KIND = folder.Kind("FittedDual", {"image": Scaling, "spectrum": Scaling, "axis": Axis}, DualReport, ("pixel", "unit"))


def encoded(config: DualVAEConfig, params: Params, image: np.ndarray | None, spectrum: np.ndarray | None) -> Code:
    """Return the codes of scaled examples [n …] as NumPy arrays; None where a side was not measured."""
    return in_pieces(lambda part: encode_rows(config, params, part), Pair(image, spectrum))


def decoded(config: DualVAEConfig, params: Params, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scaled images and spectra at codes z [n latent]."""
    pair = in_pieces(lambda part: decode_rows(config, params, part), np.asarray(z, np.float32))
    return pair.image, pair.spectrum


@partial(jax.jit, static_argnums=0)
def encode_rows(config: DualVAEConfig, params: Params, pair: Pair) -> Code:
    """Return the Code of every scaled pair."""
    model = dual_vae(config)
    return jax.lax.map(lambda one: model.encode(params, one), pair, batch_size=CHUNK)


@partial(jax.jit, static_argnums=0)
def decode_rows(config: DualVAEConfig, params: Params, z: jax.Array) -> Pair:
    """Return the scaled pair at every code."""
    model = dual_vae(config)
    return jax.lax.map(lambda one: model.decode(params, one), z, batch_size=CHUNK)
