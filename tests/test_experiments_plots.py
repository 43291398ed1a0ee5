"""Figures of fits, codes and spectra: what they show is what the records hold, and matplotlib stays as it was."""

from collections import namedtuple

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import models
from experiments import plots
from experiments.lab import plotting
from experiments.lab.plotting_fits import limits_of_lines
from experiments.lab.plotting_images import limits_within
from models.fitted.coding import Trained, codes_of, encoded
from models.fitted.labels import Factors
from models.fitted.records import Axis, Codes, Report
from models.fitted.result import Fitted
from models.fitted.scaling import scaling_of

Components = namedtuple("Components", ("component", "loading", "share"))
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.poisson(200 + 800 * GENERATOR.uniform(size=(40, 1, 1)), (40, 6, 8))
CURVES = 100 + GENERATOR.normal(0, 5, (40, 12))


def untrained(stack, axis=None, **settings):
    """A fit of random weights with the scaling of a stack."""
    config = models.VAEConfig(shape=stack.shape[1:], hidden=(8,), **settings)
    params = jax.device_get(models.vae(config).init(jax.random.key(0)))
    scaling, _ = scaling_of(stack.astype(float), "gaussian")
    names = tuple("AB"[: config.classes])
    factors = (
        Factors(("dose",), np.zeros(1), np.ones(1), np.full(1, -3.0), np.full(1, 3.0)) if config.factors else Factors()
    )
    trained = Trained(config, params, scaling, factors, names)
    x = ((stack - scaling.offset) / scaling.spread).astype(np.float32)
    given = np.zeros((len(x), 1), np.float32) if config.factors else None
    codes = codes_of(trained, encoded(trained, models.Batch(x, factor=given)))
    report = Report(len(x), 4, 0, "invariant", "gaussian", 0.1, 1.0, (0.0,), 0, 3, (1.0, 1.0), (1.0, 1.0), (), (), ())
    terms = {"loss": np.arange(3.0)}
    history = models.FitHistory(terms, terms, np.ones(3, bool), np.array(3), np.array(2))
    return Fitted(config, params, scaling, factors, names, codes, report, history, axis)


@pytest.fixture(autouse=True)
def _figures_closed():
    """Close what a test has drawn, because matplotlib warns of more than twenty open figures."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def images():
    return untrained(IMAGES, decoder="coordinate", pose=("angle", "shift"), classes=2, class_mode="joint")


@pytest.fixture(scope="module")
def curves():
    return untrained(
        CURVES, Axis("bias", "V", np.linspace(-1, 1, 12)), latent_dim=1, factors=1, factor_mode="conditional"
    )


@pytest.fixture(scope="module")
def figures(images, curves):
    """One figure of every kind, drawn with settings of the user's own."""
    codes, places = images.support, GENERATOR.uniform(0, 60, (40, 2))
    factor, frame = np.zeros(40), GENERATOR.uniform(size=(60, 70))
    record = Components(CURVES[:2], GENERATOR.uniform(size=(20, 2)), np.array([0.7, 0.3]))
    with mpl.rc_context({"font.size": 7.0, "image.cmap": "magma", "axes.spines.top": True}):
        before = {name: str(value) for name, value in mpl.rcParams.items()}
        drawn = {
            "manifold": plots.manifold(images, points=4, cmap="viridis", limits=(0, 5000)),
            "manifold of curves": plots.manifold(curves, factor=0.5, unit="nA"),
            "on frame": plots.on_frame(codes, "angle", symmetry=3, positions=places, frame=frame),
            "classes on frame": plots.on_frame(codes, "class", positions=places),
            "latents": plots.latents(codes, symmetry=3),
            "latents of curves": plots.latents(curves.support),
            "reconstructions": plots.reconstructions(images, IMAGES, count=5, unit="counts"),
            "reconstructions of curves": plots.reconstructions(curves, CURVES, factors=factor, count=3),
            "history": plots.history(images),
            "confusion": plots.confusion(codes, np.where(np.arange(40) % 2, "Mo", "S")),
            "spectra": plots.spectra(CURVES, x=curves.axis, by=factor + np.arange(40), name="time (s)", unit="counts"),
            "many spectra": plots.spectra(np.tile(CURVES, (3, 1)), x=np.arange(12.0)),
            "components": plots.components(record, x=curves, shape=(4, 5), unit="counts"),
            "errors": plots.errors(CURVES, CURVES + 1, x=curves, shape=(5, 8), unit="counts"),
            "errors of images": plots.errors(IMAGES, IMAGES * 0.9),
            "errors of numbers": plots.errors(CURVES[:, 0], CURVES[:, 0] + 2, unit="°"),
        }
        assert {name: str(value) for name, value in mpl.rcParams.items()} == before
    yield drawn
    for figure in drawn.values():
        mpl.pyplot.close(figure)


def labels_of(figure: Figure) -> set[str]:
    """Everything that the axes of a figure are labelled with."""
    return {text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) if text}


def test_every_figure_can_be_drawn_and_names_its_axes(figures):
    for name, figure in figures.items():
        assert isinstance(figure, Figure)
        assert labels_of(figure) or figure._supxlabel, name


def test_a_manifold_runs_between_quantiles_of_the_codes_and_fades_cells_without_data(images, figures):
    figure = figures["manifold"]
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == ["A", "B"]
    for ax, number in zip(shown, (0, 1), strict=True):
        image = ax.images[0]
        assert image.get_clim() == (0, 5000) and image.get_cmap().name == "viridis"
        z = images.support.z[images.support.label == number]
        low, high = np.quantile(z if len(z) >= 10 else images.support.z, [0.02, 0.98], axis=0)
        cells = np.round((z - low) / (high - low) * 3)
        occupied = {tuple(cell) for cell in cells[((cells >= 0) & (cells <= 3)).all(1)].tolist()}
        assert sum(isinstance(patch, Rectangle) for patch in ax.patches) == 16 - len(occupied)
        ticks = [float(tick.get_text().replace("−", "-")) for tick in ax.get_xticklabels()]
        np.testing.assert_allclose(ticks[0], low[0], rtol=0.1, atol=0.01)


def test_a_manifold_of_classes_far_apart_runs_over_the_codes_of_each(images):
    z = GENERATOR.normal(size=(400, 2)) * 0.1
    label = np.arange(400) % 2
    codes = images.support._replace(z=z + 2 * label[:, None], label=label)
    figure = plots.manifold(images._replace(support=codes), points=3)
    for ax in figure.axes[:2]:
        assert sum(isinstance(patch, Rectangle) for patch in ax.patches) <= 2  # corners: 7 of 9 cells with one grid


def test_a_manifold_without_a_factor_is_at_its_median_and_says_so(curves):
    titles = labels_of(plots.manifold(curves)) | labels_of(plots.manifold(curves, factor=-0.5))
    assert {"dose = 0", "dose = −0.5"} <= titles
    renamed = curves._replace(factors=curves.factors._replace(names=("temperature (K)",)))
    assert "temperature = 1.5 K" in labels_of(plots.manifold(renamed, factor=1.5))


def test_codes_on_the_frame_are_at_their_columns_and_rows(images):
    places = np.stack([np.arange(40.0), np.arange(40.0)[::-1]], 1)
    codes = images.support._replace(angle=np.deg2rad(np.arange(40) * 120.0 + 15))
    figure = plots.on_frame(codes, "angle", symmetry=3, positions=places, frame=np.eye(45))
    dots = figure.axes[0].collections[0]
    np.testing.assert_allclose(dots.get_offsets(), places)
    np.testing.assert_allclose(dots.get_array(), 15, atol=1e-6)
    assert dots.get_linewidths()[0] > 0 and dots.get_edgecolors()[0, :3].tolist() == [1, 1, 1]
    assert dots.get_clim() == (0, 120) and figure.axes[0].get_ylim() == (44.5, -0.5)
    assert "angle modulo 120° (°)" in labels_of(figure)
    own = plots.on_frame(codes, np.arange(40), positions=places, unit="strain (%)", limits=(0, 10), cmap="magma")
    assert own.axes[0].collections[0].get_clim() == (0, 10) and "strain (%)" in labels_of(own)
    with pytest.raises(ValueError, match="have no 'z7'; they have z1, z2"):
        plots.on_frame(codes, "z7", positions=places)
    with pytest.raises(ValueError, match="39 positions for 40 codes"):
        plots.on_frame(codes, "z1", positions=places[1:])


def test_labels_carry_units_and_limits_hold(figures):
    assert "bias (V)" in labels_of(figures["manifold of curves"]) and "decoded (nA)" in labels_of(
        figures["manifold of curves"]
    )
    assert {"bias (V)", "intensity (counts)", "time (s)"} <= labels_of(figures["spectra"])
    assert "component 1: 70 %" in labels_of(figures["components"])
    assert "root mean square error (counts)" in labels_of(figures["errors"])
    assert "root mean square 2" in labels_of(figures["errors of numbers"])


def test_a_confusion_matches_found_classes_and_takes_known_ones_by_name():
    codes = Codes(np.zeros((6, 2)), np.ones((6, 2)), label=np.array([1, 1, 1, 0, 0, 1]), classes=("0", "1"))
    matched = plots.confusion(codes, ["Mo", "Mo", "Mo", "S", "S", ""]).axes[0]
    assert matched.get_title() == "accuracy 1.000"
    known = plots.confusion(codes._replace(classes=("Mo", "S")), ["Mo", "Mo", "Mo", "S", "S", -1]).axes[0]
    assert known.get_title() == "accuracy 0.000"


def test_scales_are_not_spent_on_a_group_apart_or_on_bad_samples():
    """Vacancies far from the columns, and a burst in one curve, set neither colours nor ordinate."""
    codes = np.concatenate([np.linspace(0, 1, 190), np.full(10, 9.0)])
    (low, high), beyond = limits_within(codes)
    assert low == 0 and 1 < high < 3 and beyond == "max"
    assert limits_within(codes[:190]) == ((0.0, 1.0), "neither") and limits_within(-codes)[1] == "min"
    assert limits_of_lines(np.array([[0.0, 1.0], [-1.0, 0.5]])) == pytest.approx((-1.8, 1.8))


def test_curves_of_a_manifold_run_over_their_abscissa_and_the_caption_says_between_what():
    loop = np.array([0.0, 5.0, 0.0, -5.0])  # goes up and down: the curve turns back
    figure = plots.manifolds(np.zeros((1, 2, 2, 4)) + loop, np.arange(2.0), np.arange(2.0), x=(loop, "bias (V)"),
                             known=np.array([[[True, False], [True, True]]]))  # fmt: skip
    x = figure.axes[0].lines[0].get_xdata()
    assert x[0] == pytest.approx(x[2]) and x[3] < x[0] < x[1]
    words = figure._supxlabel.get_text().replace("\n", " ")
    assert "bias (V) from −5 to 5" in words and "faded: no data there" in words


@pytest.mark.parametrize(("rows", "columns", "width", "height"), [(2, 3, 4.6, 3.5), (1, 1, 6.0, 3.0), (2, 2, 3.0, 5.0)])
def test_colour_bars_are_as_high_as_their_axes(rows, columns, width, height, tmp_path):
    figure, axes = plotting.panels(rows, columns, width, height)
    latent = np.stack(np.meshgrid(np.arange(9.0), np.arange(7.0)), -1).reshape(-1, 2)
    for number, ax in enumerate(axes.flat):
        plotting.latent_map(ax, latent * [1, 1 + number], latent.sum(1), "value")
    plotting.save(figure, tmp_path / "maps.png")
    bars = [ax for ax in figure.axes if ax.get_ylabel() == "value"]
    for ax, bar in zip(axes.flat, bars, strict=True):
        box, beside = ax.get_window_extent(), bar.get_window_extent()
        np.testing.assert_allclose([beside.y0, beside.y1], [box.y0, box.y1], atol=0.5)
        assert 0 < beside.x0 - box.x1 < 0.1 * box.width


def test_letters_of_all_figures_of_a_report_are_equally_large(tmp_path):
    """A figure is shown in proportion to its inches, whatever margins were cut off, and none is wider than a page."""
    dots = plotting.styled(lambda: mpl.rcParams["savefig.dpi"])()
    for number, width in enumerate((4.0, 9.0, 30.0)):
        figure, axes = plotting.panels(1, 1, width, 3.0)
        axes[0, 0].set(xlabel="x", ylabel="y")
        plotting.fit_page(figure)
        path = tmp_path / f"{number}.png"
        plotting.save(figure, path)
        share = plotting.share_of_page(path)
        assert share * plotting.PAGE * dots == pytest.approx(plt.imread(path).shape[1])
        assert share == pytest.approx(min(width, plotting.PAGE) / plotting.PAGE, abs=0.03)


def test_what_cannot_be_drawn_is_refused_in_words():
    stack, curves = np.ones((3, 8, 8)), np.ones((3, 20))
    for draw, values, words in (
        (plots.image_grid, stack[:0], "no finite number"),
        (plots.image_grid, np.full((2, 8, 8), np.nan), "no finite number"),
        (plots.image_grid, stack + 1j, "complex"),
        (plots.image_grid, stack.astype(str), "text"),
        (plots.spectra, curves[:0], "no finite number"),
        (plots.spectra, curves * np.nan, "no finite number"),
        (plots.spectra, curves + 1j, "complex"),
    ):
        with pytest.raises(ValueError, match=words):
            draw(values)
    for labels in (("a",), ("a", "b", "c", "d")):
        with pytest.raises(ValueError, match="labels for 3 curves"):
            plots.spectra(curves, labels=labels)
