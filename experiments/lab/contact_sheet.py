"""Draw the contact sheet of a data set: a row or more for every class, the true factors under each image."""

import numpy as np
from matplotlib.figure import Figure

from experiments.datasets.types import Images
from experiments.lab.plotting import panels, styled

_SHOWN = {"angle": "{:z.0f}°", "shear": "shear {:z.0f}°", "strain": "strain {:.2f}"}
_DEGREES = ("angle", "shear")


def _caption(images: Images, number: int) -> str:
    parts = []
    for name, form in _SHOWN.items():
        if name in images.factors and np.ptp(images.factors[name]) > 0:
            value = float(images.factors[name][number])
            parts.append(form.format(np.rad2deg(value) if name in _DEGREES else value))
    if {"shift_x", "shift_y"} <= set(images.factors) and np.ptp(images.factors["shift_x"]) > 0:
        parts.append(f"({images.factors['shift_x'][number]:z.2f}, {images.factors['shift_y'][number]:z.2f})")
    return "\n".join([", ".join(parts[:2]), *parts[2:]])


@styled
def contact_sheet(images: Images, columns: int = 8) -> Figure:
    """Draw the first ``columns`` images of each class; of an unlabelled set, of its first 4 rows.

    Grey runs from 0 to 1 or over the set's own limits; missing pixels are red. Captions hold angle, shear, strain and
    (shift to the right, up).
    """
    if images.label is None:
        rows = [np.arange(start, min(start + columns, len(images.x))) for start in range(0, len(images.x), columns)][:4]
        names = [""] * len(rows)
    else:
        rows = [np.flatnonzero(images.label == number)[:columns] for number in range(len(images.classes))]
        names = list(images.classes)
    inside = images.x.min() >= 0 and images.x.max() <= 1
    low, high = (0.0, 1.0) if inside else (float(images.x.min()), float(images.x.max()))
    figure, axes = panels(len(rows), columns, 1.5, 1.9 if images.factors else 1.6)
    for line, row, name in zip(axes, rows, names, strict=True):
        for ax in line:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=12)
        for ax, number in zip(line, row, strict=False):
            shown = images.x[number]
            if shown.ndim == 3:  # three channels are red, green and blue; of others the mean
                shown = (shown - low) / (high - low) if shown.shape[-1] == 3 else shown.mean(-1)
            ax.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            if images.mask is not None:
                missing = ~images.mask[number].reshape(*shown.shape[:2], -1).all(-1)
                ax.imshow(np.where(missing, 1.0, np.nan), cmap="Reds", vmin=0, vmax=1.3)
            ax.set_xlabel(_caption(images, int(number)), fontsize=8)
    return figure
