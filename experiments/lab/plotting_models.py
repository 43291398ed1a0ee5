"""Draw what models of images have learned: latents, confusion, losses, agreement of an ensemble."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, colour_bar, panels, styled
from experiments.lab.plotting_images import DENSITY

CYCLIC, CLASSES = "cmc.romaO", "cmc.batlowS"
MOST_OPEN = 120  # degrees, up to which angles are drawn on a scale that does not close


@styled
def latent_scatter(
    z: np.ndarray,
    *,
    classes: tuple[np.ndarray, Sequence[str]] | None = None,
    angles: Mapping[str, np.ndarray] | None = None,
    factors: Mapping[str, np.ndarray] | None = None,
    names: tuple[str, str] = ("latent $z_1$", "latent $z_2$"),
) -> Figure:
    """Draw latents [n 2], one panel per colouring.

    ``classes`` are integers [n], −1 where unknown (grey), and the names of the classes. ``angles`` in radians are shown
    in degrees on a cyclic scale over ±180°, or on an open one where none exceeds 120°. The names of continuous
    ``factors`` carry their units.
    """
    angles, factors = angles or {}, factors or {}
    count = (classes is not None) + len(angles) + len(factors)
    figure, axes = panels(1, max(count, 1), 4.6, 3.9, sharex=True, sharey=True)
    places = iter(axes.flat)
    style = {"s": 9, "linewidth": 0, "alpha": 0.8, "rasterized": True}
    if classes is not None:
        label, words = np.asarray(classes[0], int), classes[1]
        scale = class_colours(len(words))
        norm = BoundaryNorm(np.arange(len(words) + 1) - 0.5, len(words))
        ax, known = next(places), label >= 0
        if not known.all():
            ax.scatter(*z[~known].T[:2], color="0.8", **style)
        dots = ax.scatter(*z[known].T[:2], c=label[known], cmap=scale, norm=norm, **style)
        bar = figure.colorbar(dots, ax=axes.flat[0], label="class", ticks=range(len(words)))
        bar.ax.set_yticklabels(words)
        if len(words) > len(COLOURS):  # more than colours alone can tell
            for k in np.unique(label[known]):
                place = np.median(z[label == k, :2], axis=0)
                box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": scale(k), "alpha": 0.9}
                axes.flat[0].text(*place, words[k], ha="center", va="center", fontsize=10, weight="bold", bbox=box)
    for name, values in angles.items():
        ax = next(places)
        degrees = (np.rad2deg(np.asarray(values)) + 180) % 360 - 180
        reach = 15 * np.ceil(np.nanmax(np.abs(degrees), initial=1) / 15)
        cyclic = reach > MOST_OPEN
        limit, cmap = (180, CYCLIC) if cyclic else (reach, SEQUENTIAL)
        dots = ax.scatter(*z.T[:2], c=degrees, cmap=cmap, vmin=-limit, vmax=limit, **style)
        figure.colorbar(dots, ax=ax, label=f"{name} (°)", ticks=np.linspace(-limit, limit, 5))
    for name, values in factors.items():
        ax = next(places)
        dots = ax.scatter(*z.T[:2], c=values, cmap=SEQUENTIAL, **style)
        figure.colorbar(dots, ax=ax, label=name)
    if not count:
        axes.flat[0].scatter(*z.T[:2], color=COLOURS[0], **style)
    for ax in axes.flat:
        ax.set(xlabel=names[0], ylabel=names[1])  # on every panel, or the colour bar's label would seem to be one
    return figure


def class_colours(count: int) -> ListedColormap:
    """Return a colour map with ``count`` distinct colours."""
    if count <= len(COLOURS):
        return ListedColormap(COLOURS[:count])
    if count <= 10:
        return ListedColormap(mpl.colormaps["tab10"](np.arange(count)))
    return ListedColormap(mpl.colormaps[CLASSES](np.arange(count)))


@styled
def confusion_matrix(counts: np.ndarray, names: Sequence[str], predicted: Sequence[str] | None = None) -> Figure:
    """Draw a confusion matrix [true predicted] in shares of each true class, with counts, accuracy in the title.

    ``names`` are those of the true classes, and of the predicted ones unless these have names of their own.
    """
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.0, 0.62 * len(names) + 2.0)
    figure, axes = panels(1, 1, side + 0.8, side)
    ax = axes[0, 0]
    image = ax.imshow(share, cmap=DENSITY, vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=10)
    ax.set_xticks(
        range(counts.shape[1]),
        names if predicted is None else predicted,
        rotation=45 if len(names) > 5 and max(map(len, names)) > 2 else 0,
    )
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted class", ylabel="true class", title=f"accuracy {np.trace(counts) / counts.sum():.3f}")
    colour_bar(image, ax, label="share of the true class")
    return figure


@styled
def history(
    train: Any,
    validation: Mapping[str, np.ndarray] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    unit: str = "",
    chosen: int | None = None,
    columns: int = 4,
) -> Figure:
    """Draw every term of a fit against epochs, training and validation, one panel each.

    ``train`` is a fit (``models.Fitted``), a FitHistory, or the terms [epochs] of the training by name beside those of
    the ``validation``. ``units`` are those of terms that are not in ``unit``, which is nats per image, or per curve;
    by default those of "rmse" are the values that the model is trained on, scaled, and "1" shows none. ``chosen`` marks
    the epoch whose weights were returned.
    """
    curves = len(train.config.shape) == 1 if hasattr(train, "config") else False
    unit = unit or ("nats per curve" if curves else "nats per image")
    losses = getattr(train, "history", train)
    if hasattr(losses, "validation"):
        validation, chosen = losses.validation, int(losses.chosen)
        train = losses.train
    validation = validation or {}
    units = {"rmse": "scaled value", "rmse_of_mean": "scaled value", "classes_unused": "classes", **(units or {})}
    terms = list(train)
    across = min(columns, len(terms))
    figure, axes = panels(-(-len(terms) // across), across, 3.7, 2.9, sharex=True)
    for ax, term in zip(axes.flat, terms, strict=False):
        for part, values, colour in (("training", train, COLOURS[0]), ("validation", validation, COLOURS[1])):
            if term in values:
                ax.plot(np.arange(1, len(values[term]) + 1), values[term], color=colour, label=part)
        label = units.get(term, unit)
        ax.set(title=term.replace("_", " "), ylabel="" if label == "1" else label)
        _without_the_start(ax, [part[term] for part in (train, validation) if term in part])
        if chosen:
            ax.axvline(chosen, color="k", lw=1, ls=":", label="epoch returned")
    for ax in axes.flat[len(terms) :]:
        ax.set_visible(False)
    for ax in axes.flat[max(len(terms) - across, 0) : len(terms)]:
        ax.set_xlabel("epoch")
        ax.tick_params(labelbottom=True)
    axes.flat[0].legend(fontsize=10)
    return figure


def _without_the_start(axes: Axes, parts: Sequence[np.ndarray]) -> None:
    """Set limits by the later epochs, because the first values are often many times larger."""
    late = np.concatenate([np.asarray(part)[min(5, len(part) // 4) :] for part in parts])
    late = late[np.isfinite(late)]
    if late.size and np.ptp(late) > 0:
        axes.set_ylim(late.min() - 0.06 * np.ptp(late), late.max() + 0.25 * np.ptp(late))


@styled
def ensemble_uncertainty(
    z: np.ndarray,
    classes: np.ndarray,
    disagreement: np.ndarray,
    stability: np.ndarray,
    names: Sequence[str],
) -> Figure:
    """Draw on what an ensemble of joint models agrees.

    Latents [n 2] coloured by the class [n] of the mean prediction and by the disagreement [n] (nats), the disagreement
    per class, and the stability of each class (mean overlap of the members with the mean).
    """
    figure, axes = panels(1, 4, 4.2, 3.7, width_ratios=(1.15, 1.15, 1, 0.9))
    first, second, third, fourth = axes.flat
    scale, norm = class_colours(len(names)), BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    style = {"s": 9, "linewidth": 0, "rasterized": True}
    dots = first.scatter(*z.T[:2], c=classes, cmap=scale, norm=norm, **style)
    bar = figure.colorbar(dots, ax=first, ticks=range(len(names)), label="class of the mean")
    bar.ax.set_yticklabels(names)
    order = np.argsort(disagreement)
    top = np.log(len(names))
    dots = second.scatter(*z[order].T[:2], c=disagreement[order], cmap=SEQUENTIAL, vmin=0, vmax=top, **style)
    figure.colorbar(dots, ax=second, label=f"disagreement (nats; at most ln {len(names)})")
    for ax in (first, second):
        ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$")
    groups = [disagreement[classes == k] for k in range(len(names))]
    third.boxplot([g if len(g) else np.array([np.nan]) for g in groups], orientation="horizontal", showfliers=False)
    third.set_yticks(range(1, len(names) + 1), names)
    third.set(xlabel="disagreement (nats)", xlim=(-0.03 * top, top))
    fourth.barh(range(len(names)), np.nan_to_num(stability), color=[scale(k) for k in range(len(names))])
    fourth.set_yticks(range(len(names)), names)
    fourth.set(xlabel="stability of the class", xlim=(0, 1))
    third.invert_yaxis()
    fourth.invert_yaxis()
    return figure


@styled
def class_guide(guide: Mapping[str, np.ndarray]) -> Figure:
    """Draw disagreement, stability and held-out bound of ensembles against the number of classes.

    ``guide`` has the columns of ``models.training.ensemble.ClassGuide`` (``ClassGuide._asdict()``).
    """
    figure, axes = panels(1, 3, 4.3, 3.5)
    number = np.asarray(guide["classes"])
    axes[0, 0].plot(number, guide["disagreement"], "o-", color=COLOURS[0], label="disagreement of members")
    axes[0, 0].plot(number, guide["dispersion"], "s--", color=COLOURS[2], label="of the mean prediction")
    spread = np.asarray([guide["disagreement"], guide["dispersion"]])
    axes[0, 0].set(ylabel="dispersion / ln K", yscale="log", ylim=(None, 6 * spread.max()))  # room for the legend
    axes[0, 1].plot(number, guide["stability"], "o-", color=COLOURS[0], label="mean over classes")
    axes[0, 1].plot(number, guide["least_stable"], "s--", color=COLOURS[1], label="least stable class")
    axes[0, 1].set(ylabel="stability", ylim=(0, 1.02))
    values = np.asarray(guide["negative_elbo"])
    axes[0, 2].plot(number, np.median(values, axis=1), "o-", color=COLOURS[0], label="median member")
    axes[0, 2].fill_between(number, values.min(1), values.max(1), color=COLOURS[0], alpha=0.2, lw=0, label="range")
    axes[0, 2].set(ylabel="held-out −ELBO (nats)")
    for ax in axes.flat:
        ax.set(xlabel="classes: K, used", xticks=number)
        ax.set_xticklabels([f"{k}\n{used}" for k, used in zip(number, np.asarray(guide["used"]), strict=True)])
        ax.legend(fontsize=10)
    return figure
