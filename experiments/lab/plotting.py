"""Draw in one style: panels, maps over a latent grid, vector fields, medians with quartiles."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import cmcrameri  # noqa: F401  (registers the colour maps named cmc.*)
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar, make_axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.quiver import Quiver
from matplotlib.ticker import MultipleLocator
from matplotlib.transforms import Bbox
from PIL import Image

from bo.campaigns.calibration import nominal

SEQUENTIAL, DIVERGING = "cmc.batlow", "cmc.vik"  # perceptually uniform, safe for colour-blind readers
BEHIND = "#bdc0c5"  # the ground for points on SEQUENTIAL, whose largest values are nearly white
FILM_DOTS = 80  # per inch
BAR = 18  # height of a colour bar over its width
PAGE = 14.0  # inches of a figure that is as wide as a report's page
COLOURS = ("#0b4f6c", "#d1495b", "#8a8d91", "#edae49", "#3b8b5a", "#7d5ba6")
_STYLE: dict[Any, Any] = {
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "figure.labelsize": 12,
    "figure.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "figure.constrained_layout.use": True,
    "image.cmap": SEQUENTIAL,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": 130,
}


_P = ParamSpec("_P")
_T = TypeVar("_T")


class Film(NamedTuple):
    """A figure that is written as an animation: ``show(n)`` changes it to frame ``n``."""

    figure: Figure
    show: Callable[[int], None]
    frames: Sequence[int]


def styled(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return ``draw`` that draws in the style of the reports, and leaves matplotlib's settings as it found them."""

    @wraps(draw)
    def in_style(*given: _P.args, **named: _P.kwargs) -> _T:
        with matplotlib.rc_context(_STYLE):
            return draw(*given, **named)

    return in_style


@styled
def panels(rows: int, columns: int, width: float = 4.2, height: float = 3.6, **keywords: Any) -> tuple[Figure, Any]:
    """Return a figure of ``rows × columns`` axes, each of the given size in inches, and the array of its axes."""
    size = (columns * width, rows * height)
    return plt.subplots(rows, columns, figsize=size, squeeze=False, **{"layout": "compressed", **keywords})


def fit_page(figure: Figure) -> None:
    """Make a figure that is wider than a page as wide as one, in its proportions."""
    width, height = figure.get_size_inches()
    if width > PAGE:
        figure.set_size_inches(PAGE, height * PAGE / width)


def share_of_page(path: Path) -> float:
    """Return the width of a saved figure as a share of a page's.

    A report shows all figures at one scale, so that letters of one size in points are equally large in all of them.
    """
    with Image.open(path) as picture:
        dots = FILM_DOTS if path.suffix == ".gif" else _STYLE["savefig.dpi"]
        return picture.width / dots / PAGE


@styled
def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without empty margins, and free it."""
    figure.draw_without_rendering()  # axes of a fixed aspect find their places from the second layout on
    figure.savefig(path, bbox_inches="tight", pad_inches=0.08)
    plt.close(figure)


@styled
def save_film(film: Film, path: Path, frames_per_second: int = 12) -> None:
    """Write a film as GIF and free its figure."""
    film.figure.canvas.draw()  # lay out once, because laying out every frame takes most of the time
    film.figure.set_layout_engine("none")
    writer = PillowWriter(fps=frames_per_second)
    with writer.saving(film.figure, str(path), dpi=FILM_DOTS):
        for number in film.frames:
            film.show(number)
            writer.grab_frame()
    plt.close(film.figure)


def colour_bar(shown: ScalarMappable, axes: Axes, **keywords: Any) -> Colorbar:
    """Draw the colour bar of what is shown on axes, exactly as high as they are, also where their aspect is fixed.

    Keywords go to ``Figure.colorbar`` (``label``, ``ticks``, ``extend``).
    """
    place, options = make_axes(axes, aspect=BAR, pad=0.03)

    def beside(bar: Any, renderer: Any) -> Bbox:
        box, whole = axes.get_position(), axes.figure.bbox
        left = bar.get_position(original=True).x0
        return Bbox.from_bounds(left, box.y0, box.height * whole.height / BAR / whole.width, box.height)

    place.set_axes_locator(beside)
    return axes.figure.colorbar(shown, cax=place, **options, **keywords)


def latent_map(
    axes: Axes, latent: np.ndarray, values: np.ndarray, label: str, *, cmap: str = SEQUENTIAL, **keywords: Any
) -> None:
    """Draw one value per cell of a square latent grid as a colour map, with its colour bar.

    ``latent`` (cell, 2) in any order that is a full grid; keywords go to ``pcolormesh`` (``vmin``, ``vmax``).
    """
    first, second = np.unique(latent[:, 0]), np.unique(latent[:, 1])
    order = np.lexsort((latent[:, 0], latent[:, 1]))
    grid = np.asarray(values)[order].reshape(len(second), len(first))
    mesh = axes.pcolormesh(first, second, grid, cmap=cmap, rasterized=True, **keywords)
    axes.set(xlabel="latent $z_1$", ylabel="latent $z_2$", aspect="equal")
    colour_bar(mesh, axes, label=label)


def outline(axes: Axes, latent: np.ndarray, inside: np.ndarray, colour: str = "white") -> None:
    """Draw the outline of the cells that are ``inside`` a region (the training support)."""
    first, second = np.unique(latent[:, 0]), np.unique(latent[:, 1])
    order = np.lexsort((latent[:, 0], latent[:, 1]))
    grid = np.asarray(inside, dtype=float)[order].reshape(len(second), len(first))
    if 0 < grid.mean() < 1:
        axes.contour(first, second, grid, levels=[0.5], colors=colour, linewidths=1.1)


def band(axes: Axes, x: np.ndarray, values: np.ndarray, label: str, colour: str, *, mean: bool = False) -> None:
    """Draw the median (or mean) over the first axis of ``values`` (seed, place), and the band between the quartiles."""
    known = ~np.isnan(values).all(0)
    x, (low, middle, high) = x[known], np.nanquantile(values[:, known], [0.25, 0.5, 0.75], axis=0)
    axes.plot(x, np.nanmean(values[:, known], axis=0) if mean else middle, color=colour, label=label)
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def quiver(
    axes: Axes,
    polarization: np.ndarray,
    background: np.ndarray,
    label: str,
    *,
    x_axis: str = "row",
    limit: float | None = None,
    longest: float | None = None,
) -> tuple[AxesImage, Quiver]:
    """Draw arrows of the polarization (component, i, j) over a scalar of each site, x to the right.

    ``x_axis`` says which lattice index x is, as for ``ferro_jax.curl``. Colours span ±``limit``, an arrow of length
    ``longest`` is as long as a site is wide; both by default the largest of this frame. An empty label leaves out the
    colour bar.
    """
    if x_axis == "column":
        polarization, background = polarization.transpose(0, 2, 1), background.T
    limit = limit or float(np.abs(background).max()) or 1.0
    image = axes.imshow(background.T, origin="lower", cmap=DIVERGING, vmin=-limit, vmax=limit)
    first, second = np.meshgrid(*(np.arange(n) for n in background.shape), indexing="ij")
    longest = longest or float(np.hypot(*polarization).max()) or 1.0
    scale = {"pivot": "mid", "angles": "xy", "scale_units": "xy", "scale": longest, "width": 0.005}
    arrows = axes.quiver(first, second, polarization[0], polarization[1], **scale)
    names = ("row $i$", "column $j$") if x_axis == "row" else ("column (x)", "row (y)")
    axes.set(xlabel=names[0], ylabel=names[1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(5))
    if label:
        colour_bar(image, axes, label=label)
    return image, arrows


def calibration(axes: Axes, z_score: np.ndarray, label: str = "observed", colour: str = COLOURS[0]) -> None:
    """Draw the share of observations inside each central interval against the nominal share, from z-scores (seed, step)

    A curve below the diagonal says that the error bars were too short. The band is between the seeds' quartiles.
    """
    level = np.linspace(0.02, 0.98, 49)
    inside = nominal(np.asarray(z_score))[..., None] <= level
    known = np.isfinite(z_score)[..., None]
    coverage = np.where(known, inside, 0).sum(-2) / np.maximum(known.sum(-2), 1)
    axes.plot([0, 1], [0, 1], color=COLOURS[2], linewidth=1, linestyle="--", label="calibrated")
    band(axes, level, coverage, label, colour)
    axes.set(xlabel="nominal share inside", ylabel="observed share inside", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="upper left")
