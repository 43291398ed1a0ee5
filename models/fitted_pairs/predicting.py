"""A fit of pairs as ``fit_im2spec`` returns it: it predicts in the units of the user, and saves itself."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ferro_jax.printing import described
from models.fitted import folder
from models.fitted.coding import ROWS, in_pieces
from models.fitted.records import Axis
from models.fitted.scaling import Scaling, in_counts, warn_of_outliers
from models.fitted_pairs import scaling
from models.fitted_pairs.splitting import windows
from models.paired.config import EncoderDecoderConfig
from models.paired.encoder_decoder import encoder_decoder
from models.stacks import floats, given_of
from models.types import FitHistory, Model, Params

CHUNK = 50  # examples that are predicted at a time


class Im2SpecReport(NamedTuple):
    """What a fit is worth on the scored part.

    ``error``, ``members``, ``nearest``, ``ridge``, ``rms``, ``rms_of_mean`` and ``noise`` are those of
    ``judging.Judged``: Σ(predicted − true)² over that of the mean of the trained ones, root mean squares in the units
    of what is predicted, and the error of a perfect prediction of counts (None for other spectra). ``trained`` and
    ``scored`` are numbers of pairs, ``patch`` the size of an image, ``turned`` whether those that were trained on came
    in all orientations, ``epochs`` the epoch of each member whose weights were kept. ``problems`` say what is wrong and
    what to change; empty where nothing is.
    """

    error: float
    members: tuple[float, ...]
    nearest: float
    ridge: float
    rms: float
    rms_of_mean: float
    noise: float | None
    direction: str
    trained: int
    scored: int
    patch: tuple[int, ...]
    turned: bool
    epochs: tuple[int, ...]
    problems: tuple[str, ...]


class Im2Spec(NamedTuple):
    """A trained ensemble with all that leads from measured values to predictions and back.

    ``params`` and ``history`` have a leading axis of members. ``image`` and ``spectrum`` are the scalings, ``axis`` is
    that of the spectra. ``scan``: it was trained on patches of a scan; ``turned``: in all orientations, and predicted
    spectra are means over eight. A pixel has the size ``pixel`` in ``unit`` ((): unknown).
    """

    config: EncoderDecoderConfig
    params: Params
    image: Scaling
    spectrum: Scaling
    report: Im2SpecReport
    history: FitHistory
    axis: Axis | None = None
    scan: bool = False
    turned: bool = False
    pixel: tuple[float, ...] = ()
    unit: str = ""

    __repr__ = described

    @property
    def model(self) -> Model:
        """The encoder–decoder of one member as pure functions, on scaled examples."""
        return encoder_decoder(self.config)

    def predict(self, given: Any, *, mask: Any = None) -> Float[np.ndarray, "*place"]:
        """Return what the other side is expected to be, in the units of the fit, float32.

        Of an image [ny nx]: the spectrum at each of its points [ny nx channel], NaN where the patch around a point
        leaves the image; of images [n ny nx] of the size of a patch: spectra [n channel]. Of spectra [*place channel],
        where the fit goes that way: images [*place ny nx]. NaN too where a value is missing; isolated outliers of
        images are the mean of their neighbours, with a warning. ValueError for data out of the trained range.
        """
        return self._predicted(given, mask)[0]

    def spread(self, given: Any, *, mask: Any = None) -> Float[np.ndarray, "*place"]:
        """Return the standard deviation between members of what ``predict`` returns, in its units and shape.

        It is 0 for a single member. It knows nothing of noise, nor of what all members get wrong alike.
        """
        return self._predicted(given, mask)[1]

    def save(self, path: Path | str) -> Path:
        """Write everything to a folder, which is made where it is missing, and return it; an older fit is replaced."""
        return folder.write(path, self, KIND)

    def _predicted(self, given: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and spread over the members."""
        stack = given_of(given, mask)
        values = floats(stack, slice(None))
        if self.config.direction == "spectrum_to_image":
            return self._of_spectra(values)
        patch = self.config.image
        whole = values.ndim == 2 and self.scan and min(values.shape) >= max(patch)
        if not whole and values.shape[1:] != patch:
            scan = f"an image [ny nx] of {max(patch)} points or more along each side, or " if self.scan else ""
            raise ValueError(
                f"images of shape {values.shape}: give {scan}images [n {' '.join(map(str, patch))}]"
                + ("; one image needs a leading axis, images[None]." if values.shape == patch else ".")
            )
        images = values[None] if whole else values
        scaling.checked(images, self.image)
        x, outliers = scaling.images_in(images, self.image)
        warn_of_outliers(outliers)
        if not whole:
            return self._of_rows(x)
        cut = windows(x[0], patch[0])
        found = np.full((2, *values.shape, *self.config.spectrum), np.nan, np.float32)
        inner = found[:, patch[0] // 2 :, patch[0] // 2 :][:, : cut.shape[0], : cut.shape[1]]
        step = max(1, ROWS // cut.shape[1])
        for top in range(0, len(cut), step):
            rows = cut[top : top + step]
            parts = self._of_rows(rows.reshape(-1, *patch))
            for kept, part in zip(inner, parts, strict=True):
                kept[top : top + step] = part.reshape(*rows.shape[:2], -1)
        return found[0], found[1]

    def _of_spectra(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the images of spectra [*place channel]."""
        channels = self.config.spectrum
        if values.ndim < 2 or values.shape[-1:] != channels:
            raise ValueError(
                f"spectra of shape {values.shape}: give spectra [n {channels[0]}] or [ny nx {channels[0]}]"
                + ("; one spectrum needs a leading axis, spectra[None]." if values.shape == channels else ".")
            )
        flat = values.reshape(-1, *channels)
        scaling.checked(flat, self.spectrum)
        mean, std = self._of_rows(scaling.spectra_in(flat, self.spectrum))
        return tuple(part.reshape(*values.shape[:-1], *part.shape[1:]) for part in (mean, std))  # pyright: ignore[reportReturnType]

    def _of_rows(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and spread of scaled examples [n …] in the user's units, NaN where one has a missing value."""
        forward = self.config.direction == "image_to_spectrum"
        target, shape = (self.spectrum, self.config.spectrum) if forward else (self.image, self.config.image)
        target = target._replace(shape=shape)
        known = np.isfinite(x).reshape(len(x), -1).all(1)
        mean, std = (np.full((len(x), *shape), np.nan, np.float32) for _ in range(2))
        if known.any():
            members = member_predictions(self.config, self.params, x[known], self.turned)
            mean[known] = in_counts(members.mean(0), target)
            std[known] = members.std(0) * target.spread
        return mean, std


KIND = folder.Kind(
    "Im2Spec",
    {"image": Scaling, "spectrum": Scaling, "axis": Axis},
    Im2SpecReport,
    ("scan", "turned", "pixel", "unit"),
)


def member_predictions(
    config: EncoderDecoderConfig, params: Params, x: Float[np.ndarray, "n *given"], turned: bool
) -> Float[np.ndarray, "member n *wanted"]:
    """Return what every member predicts for every scaled example; spectra of ``turned`` patches are means over their
    eight orientations."""
    turned = turned and config.direction == "image_to_spectrum"
    found = in_pieces(lambda part: predict_rows(config, turned, params, part), np.asarray(x, np.float32))
    return np.moveaxis(found, 1, 0)


@partial(jax.jit, static_argnums=(0, 1))
def predict_rows(config: EncoderDecoderConfig, turned: bool, params: Params, x: jax.Array) -> jax.Array:
    """Return the predictions [n member *wanted] of all members."""
    model = encoder_decoder(config)

    def of_member(member: Params, x: jax.Array) -> jax.Array:
        return model.decode(member, model.encode(member, x).mean)

    def of_one(x: jax.Array) -> jax.Array:
        if not turned:
            return jax.vmap(of_member, (0, None))(params, x)
        both = jnp.stack([x, x[:, ::-1]])
        eight = jnp.concatenate([jnp.rot90(both, quarters, (1, 2)) for quarters in range(4)])
        return jax.vmap(lambda member: jnp.mean(jax.vmap(of_member, (None, 0))(member, eight), 0))(params)

    return jax.lax.map(of_one, x, batch_size=CHUNK)
