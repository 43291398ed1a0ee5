"""Draw the codes of a stack: on the frame that its windows were cut from, over their latents, against known classes.

Every function takes the record ``models.Codes``, draws in the user's units and returns a Figure.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from experiments.lab.plotting import SEQUENTIAL, colour_bar, panels, styled
from experiments.lab.plotting_images import BRIGHT, Limits, limits_in, limits_within
from experiments.lab.plotting_models import CYCLIC, class_colours, confusion_matrix, latent_scatter

SIDE = 6.0  # inches of the longer side of a frame
UNITS = {"shift_x": " (px)", "shift_y": " (px, down)", "shear": " (rad)", "scale": " (log)"}


@styled
def on_frame(
    codes: Any,
    what: Any = "z1",
    *,
    positions: Any,
    frame: Any = None,
    symmetry: int = 1,
    cmap: str = "",
    limits: Limits | None = None,
    unit: str = "",
) -> Figure:
    """Draw a column of the codes at its place on the frame: "class", "angle", "z1", a factor, or your values [n].

    ``positions`` [n 2] are (column, row) in pixels, or a record with ``positions`` or ``xy``; ``frame`` [ny nx] is
    drawn behind. Angles are in degrees, modulo 360°/``symmetry``, on a cyclic scale. ``unit`` is that of own values.
    Where a group lies far from the rest (vacancies, say), the colour scale is that of the rest and ends in an arrow.
    """
    places = np.asarray(getattr(positions, "positions", getattr(positions, "xy", positions)), float)
    values, label = _column(codes, what, symmetry, unit)
    if len(places) != len(values):
        raise ValueError(f"{len(places)} positions for {len(values)} codes: give the positions of the windows encoded.")
    picture = None if frame is None else np.asarray(getattr(frame, "values", frame), float)
    ny, nx = (places.max(0)[::-1] + 1) if picture is None else picture.shape[:2]
    figure, axes = panels(1, 1, SIDE * min(1.0, nx / ny) + 1.4, SIDE * min(1.0, ny / nx) + 0.6)
    ax = axes[0, 0]
    if picture is not None:
        low, high = limits_in(picture, 0.005)
        ax.imshow(picture, cmap=BRIGHT, vmin=low, vmax=high, interpolation="nearest")
    spacing = np.median(KDTree(places).query(places, k=2)[0][:, 1]) if len(places) > 1 else nx / 10
    size = (0.75 * spacing * SIDE * 72 / max(nx, ny)) ** 2
    style: dict[str, Any] = {"s": max(size, 4), "linewidth": 0, "alpha": 0.9}
    if picture is not None:  # a thin light outline, because dark colours vanish on a dark frame
        style |= {"linewidth": min(0.6, 0.1 * max(size, 4) ** 0.5), "edgecolors": "white", "alpha": 0.75}
    named = {"label": "class"}.get(what, what) if isinstance(what, str) else ""  # the record's field is called label
    if named == "class":
        names = codes.classes
        norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
        dots = ax.scatter(*places.T, c=values, cmap=cmap or class_colours(len(names)), norm=norm, **style)
        bar = colour_bar(dots, ax, label=label, ticks=range(len(names)))
        bar.ax.set_yticklabels(names)
    else:
        cyclic = named == "angle"
        (low, high), extend = limits_within(values)
        if limits or cyclic:
            (low, high), extend = limits or (0, 360 / symmetry), "neither"
        dots = ax.scatter(
            *places.T, c=values, cmap=cmap or (CYCLIC if cyclic else SEQUENTIAL), vmin=low, vmax=high, **style
        )
        colour_bar(dots, ax, label=label, extend=extend)
    ax.set(xlim=(-0.5, nx - 0.5), ylim=(ny - 0.5, -0.5), aspect="equal", xlabel="column (px)", ylabel="row (px)")
    return figure


def _column(codes: Any, what: Any, symmetry: int, unit: str) -> tuple[np.ndarray, str]:
    """Return a column of the codes and its label with the unit. ValueError lists the columns."""
    if not isinstance(what, str):
        return np.asarray(what, float), unit or "value"
    if what == "angle":
        return np.rad2deg(
            codes.angle_modulo(symmetry)
        ), "angle (°)" if symmetry == 1 else f"angle modulo {360 / symmetry:g}° (°)"
    if what in ("class", "label") and codes.label is not None:
        return codes.label, "class"
    table = codes.columns()
    if what not in table or what == "class":
        raise ValueError(f"these codes have no {what!r}; they have {', '.join(table)}.")
    return np.asarray(table[what], float), what + UNITS.get(what, "") + (f" ({unit})" if unit else "")


@styled
def latents(
    codes: Any,
    *,
    by: Mapping[str, np.ndarray] | None = None,
    labels: Any = None,
    symmetry: int = 1,
    latents: tuple[int, int] = (1, 2),
) -> Figure:
    """Draw two latents of the codes, a panel for each colouring: class, angle, factors, your columns ``by`` name.

    ``labels`` [n], text or numbers, are classes that you know. A model of one latent is drawn against the first factor
    or column.
    """
    columns = {} if codes.factors is None else dict(zip(codes.factor_names, codes.factors.T, strict=True))
    columns |= dict(by or {})
    classes = None if codes.label is None else (codes.label, codes.classes)
    if labels is not None:
        names, numbers = np.unique([str(label) for label in labels], return_inverse=True)
        classes = (numbers, names.tolist())
    if codes.z.shape[1] == 1:
        second = next(iter(columns), None)
        other = np.arange(len(codes.z)) if second is None else np.asarray(columns[second], float)
        return latent_scatter(
            np.stack([codes.z[:, 0], other], 1),
            classes=classes,
            names=("latent $z_1$", second or "number of the example"),
        )
    pair = [number - 1 for number in latents]
    angles = (
        None if codes.angle is None else {"angle" if symmetry == 1 else f"{symmetry} × angle": symmetry * codes.angle}
    )
    return latent_scatter(
        codes.z[:, pair],
        classes=classes,
        angles=angles,
        factors=columns,
        names=(f"latent $z_{latents[0]}$", f"latent $z_{latents[1]}$"),
    )


@styled
def confusion(codes: Any, labels: Any) -> Figure:
    """Draw the true ``labels`` [n] (text or numbers, −1 or "" where unknown) against the classes of the codes.

    Classes that were found without labels have no names of their own: each is shown beside the true class that it
    matches best.
    """
    known = np.array([str(label) not in ("-1", "", "None", "nan") for label in labels])
    truth = np.array([str(label) for label in labels])[known]
    names, found = sorted(set(truth)), list(codes.classes)
    counts = np.zeros((len(names), len(found)), int)
    np.add.at(counts, (np.searchsorted(names, truth), codes.label[known]), 1)
    if set(names) <= set(found):
        names, counts = (
            found,
            np.stack([counts[names.index(name)] if name in names else 0 * counts[0] for name in found]),
        )
        return confusion_matrix(counts, names)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    order = [*columns, *sorted(set(range(len(found))) - set(columns))]
    lines = [*rows, *sorted(set(range(len(names))) - set(rows))]
    return confusion_matrix(
        counts[np.ix_(lines, order)], [names[k] for k in lines], [f"found {found[k]}" for k in order]
    )
