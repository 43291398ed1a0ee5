"""A VAE as ``fit_vae`` returns it: it encodes measured values, decodes in their units, and saves itself."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ferro_jax import values
from ferro_jax.printing import described
from models.fitted import coding, folder
from models.fitted.labels import Factors, factor_table, numbered, standardised
from models.fitted.records import Axis, Codes, Report
from models.fitted.scaling import Scaling
from models.stacks import Stack, stack_of
from models.types import FitHistory, Model, Params, Pose
from models.vaes.config import VAEConfig
from models.vaes.model import vae


class Fitted(NamedTuple):
    """A trained VAE with all that leads from measured values to codes and back.

    ``classes`` are the names of the classes, ``factors`` the standardisation of the factors. ``support`` are the codes
    of the examples that it was trained on. ``axis`` is that of curves; a pixel has the size ``pixel`` in ``unit``
    ((): unknown). ``history`` are the losses of the start that was kept.
    """

    config: VAEConfig
    params: Params
    scaling: Scaling
    factors: Factors
    classes: tuple[str, ...]
    support: Codes
    report: Report
    history: FitHistory
    axis: Axis | None = None
    pixel: tuple[float, ...] = ()
    unit: str = ""

    __repr__ = described

    @property
    def model(self) -> Model:
        """The VAE as pure functions, on scaled examples."""
        return vae(self.config)

    @property
    def trained(self) -> coding.Trained:
        """What encodes and decodes."""
        return coding.Trained(self.config, self.params, self.scaling, self.factors, self.classes)

    def encode(self, stack: Any, *, labels: Any = None, factors: Any = None, mask: Any = None) -> Codes:
        """Return the codes of a stack [n *shape] in the units of the fit, chunk by chunk.

        ``labels`` and ``factors`` are as in ``fit_vae``; a model that is conditional on them needs them. ValueError for
        data out of the trained range. Isolated outliers count as missing, with a warning.
        """
        given, label, factor = self._given(stack, labels, factors, mask)
        return coding.encode(self.trained, given, label, factor)

    def reconstruct(self, stack: Any, *, labels: Any = None, factors: Any = None, mask: Any = None) -> np.ndarray:
        """Return the expected examples [n *shape] at the codes of a stack, in the units of the fit."""
        given, label, factor = self._given(stack, labels, factors, mask)
        return coding.reconstruct(self.trained, given, label, factor)

    def decode(
        self, z: Any, *, label: Any = None, factor: Any = None, angle: Any = None, shift: Any = None
    ) -> np.ndarray:
        """Return the examples [*batch *shape] at points z [*batch latent], in the units of the fit.

        ``label`` is the name or number of a class, ``factor`` a number or one for each factor; ``angle`` in radians,
        anticlockwise, and ``shift`` in pixels (right, down; along the axis for a curve) place the content. Each is one
        for all or one per row of z. A warning names latents that lie farther from the codes of the trained examples
        than these spread, because what is decoded there was never learned. ValueError for what the model does not have
        and for what it needs.
        """
        z = np.asarray(values.floats(z, "z", finite=True), np.float32)
        if z.shape[-1:] != (self.config.latent_dim,):
            raise ValueError(f"z has shape {z.shape}: its last axis needs the {self.config.latent_dim} latents.")
        flat = z.reshape(-1, z.shape[-1])
        self._warn_of_far(flat)
        pose = Pose(
            angle=None if angle is None else jnp.asarray(angle, jnp.float32),
            shift=None if shift is None else jnp.asarray(shift / coding.pixels_of(self.config), jnp.float32),
        )
        decoded = coding.decode(self.trained, flat, pose, self._class(label), self._factor(factor, len(flat)))
        return decoded.reshape(*z.shape[:-1], *decoded.shape[1:])

    def save(self, path: Path | str) -> Path:
        """Write everything to a folder, which is made where it is missing, and return it; an older fit is replaced."""
        return folder.write(path, self, KIND)

    def _warn_of_far(self, z: np.ndarray) -> None:
        """Warn of points that lie farther from the trained codes than these spread."""
        low, high = np.min(self.support.z, 0), np.max(self.support.z, 0)
        far = ((z < 2 * low - high) | (z > 2 * high - low)).any(0)
        if far.any():
            at = int(np.argmax(far))
            words = (
                f"z{at + 1} from {z[:, at].min():.3g} to {z[:, at].max():.3g}: trained examples lie between "
                f"{low[at]:.3g} and {high[at]:.3g}, and what is decoded far from them means nothing."
            )
            warnings.warn(words, UserWarning, stacklevel=3)

    def _given(self, stack: Any, labels: Any, factors: Any, mask: Any) -> tuple[Stack, Any, Any]:
        """Return a stack with its numbered labels and standardised factors, checked."""
        given = stack_of(stack, mask, curves=len(self.scaling.shape) == 1)
        count = len(given.values)
        if labels is None and self.config.class_mode == "conditional":
            raise ValueError(f"this model is conditional on the class: give labels=…, of {', '.join(self.classes)}.")
        if factors is None and self.config.factor_mode == "conditional":
            raise ValueError(f"this model is conditional on {', '.join(self.factors.names)}: give factors=….")
        label = None if labels is None else numbered(labels, self.classes, count)
        if self.config.class_mode == "conditional" and label is not None and (label < 0).any():
            raise ValueError(f"{int((label < 0).sum())} labels are unknown: a conditional model needs all of them.")
        if factors is None:
            return given, label, None
        return given, label, standardised(factor_table(factors, count, self.factors.names)[0], self.factors)

    def _class(self, label: Any) -> Any:
        """Return a class as its number, or the numbers or probabilities as they are."""
        if label is None and self.classes:
            raise ValueError(f"give label=…, one of {', '.join(self.classes)}.")
        if label is None or (np.ndim(label) == 2 and np.asarray(label).dtype.kind == "f"):
            return None if label is None else jnp.asarray(label, jnp.float32)
        if not self.classes:
            raise ValueError("this model has no classes: leave label out.")
        numbers = numbered(np.atleast_1d(label), self.classes, np.size(label))
        if (numbers < 0).any():
            raise ValueError(f"label {label!r} is none of {', '.join(self.classes)}.")
        return jnp.asarray(numbers if np.ndim(label) else numbers[0])

    def _factor(self, factor: Any, rows: int) -> Any:
        """Return factors as standardised numbers, for all rows or for each."""
        names = self.factors.names
        if factor is None or not names:
            if factor is None and not names:
                return None
            raise ValueError(f"give factor=…, {', '.join(names)}." if names else "this model has no factors.")
        table = np.asarray(factor, float)
        if table.ndim == 0 or (table.ndim == 1 and (len(names) > 1 or table.size == 1)):
            table = np.broadcast_to(table.reshape(1, -1), (rows, table.size))
        table = table[:, None] if table.ndim == 1 else table
        return jnp.asarray(standardised(table, self.factors))


KIND = folder.Kind(
    "Fitted",
    {"scaling": Scaling, "factors": Factors, "support": Codes, "axis": Axis},
    Report,
    ("classes", "pixel", "unit"),
)
