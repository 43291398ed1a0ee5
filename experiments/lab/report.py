"""Write one self-contained page per run: figures with captions, every number, options and environment."""

import base64
import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting
from experiments.lab.experiment import Description
from experiments.lab.reproducing import command_of, digest_of

Metrics = dict[str, Any]  # flat: a number, or None where it is not finite


class Panel(NamedTuple):
    """A figure of a report, drawn by ``draw(results, metrics)``; a ``Film`` becomes a GIF.

    The caption is a jinja text over the metrics. A panel whose ``needs``, arrays or numbers, were not recorded is left
    out: a user's own data may lack what it shows.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[xarray.Dataset, Metrics], Figure | plotting.Film]
    needs: tuple[str, ...] = ()


def number(value: Any, missing: str = "none (not finite)") -> str:
    """Return a number of ``metrics.json`` in four digits; ``missing`` stands for one that was not finite."""
    if value is None:
        return missing
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@jinja2.pass_context
def spread(context: Any, name: str) -> str:
    """Return "median [smallest, largest]" of a score over seeds, for templates: ``{{ spread("vae_rmse") }}``."""
    median, smallest, largest = (number(context.resolve(f"{name}_{end}")) for end in ("median", "min", "max"))
    return f"{median} [{smallest}, {largest}]"


def templates(package: str) -> jinja2.Environment:
    """Return the templates that a report of an experiment's package may use, all with ``number`` and ``spread``.

    A template's name is its path inside the experiment's package (``summary.html.j2``), or inside ``experiments``
    (``lab/report.html.j2``, ``shared/images/scores.html.j2``). A name that the metrics lack raises
    ``jinja2.UndefinedError``: a report shows no number that was not saved.
    """
    places = [jinja2.PackageLoader(name, ".") for name in dict.fromkeys((package, "experiments"))]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(places), undefined=jinja2.StrictUndefined, autoescape=True
    )
    environment.filters["number"] = number
    environment.globals["spread"] = spread
    return environment


def write(
    folder: Path, experiment: Description, results: xarray.Dataset, metrics: Metrics, config: dict[str, Any]
) -> Path:
    """Draw the experiment's ``PANELS`` into PNG (or GIF) files and write ``report.html`` with them inside.

    Returns the page's path. ``summary.html.j2`` of the experiment opens the page: HTML over the metrics, which also
    sees all of them as ``all``, the options as ``config``, the attributes of ``results.nc`` as ``attrs`` and the
    module of figures as ``figures``. Captions see metrics, ``config`` and ``attrs``. Where ``attrs`` have ``own_data``,
    the page opens with it: it says whose data the page shows. An experiment with a module ``explorer`` also leaves an
    ``explorer.html``, to which the page leads.
    """
    figures = experiment.module("figures")
    environment = templates(experiment.package)
    context = {**metrics, "config": config, "attrs": results.attrs}
    shown = [panel for panel in figures.PANELS if all(name in results or name in metrics for name in panel.needs)]
    pictures = [_picture(folder, panel, results, metrics, environment, context) for panel in shown]
    summary = environment.get_template("summary.html.j2")
    page = environment.get_template("lab/report.html.j2").render(
        name=folder.parent.name,
        run=folder.name,
        doc=experiment.doc.strip().split("\n", 1)[0],
        own_data=results.attrs.get("own_data", ""),
        summary=summary.render(context, all=metrics, attrs=results.attrs, figures=figures),
        explorer=_explorer(folder, experiment, results, metrics, config),
        pictures=pictures,
        metrics=metrics,
        config=config,
        environment=json.loads((folder / "environment.json").read_text()),
        command=command_of(experiment, config),
        digest=digest_of(results),
        arrays=[
            (name, ", ".join(map(str, v.dims)), v.attrs.get("units", ""), v.attrs.get("long_name", ""))
            for name, v in results.variables.items()
        ],
    )
    (folder / "report.html").write_text(page)
    return folder / "report.html"


def _explorer(
    folder: Path, experiment: Description, results: xarray.Dataset, metrics: Metrics, config: dict[str, Any]
) -> str:
    """Write the explorer of an experiment that has one; returns its file's name, "" where there is none.

    What it cannot show is said on stderr, because a report needs no explorer.
    """
    name = f"{experiment.package}.explorer"
    if find_spec(name) is None:
        return ""
    try:
        return import_module(name).write(folder, results, metrics, config).name
    except ValueError as error:
        print(f"no explorer: {error}", file=sys.stderr)
        return ""


def _picture(
    folder: Path,
    panel: Panel,
    results: xarray.Dataset,
    metrics: Metrics,
    environment: jinja2.Environment,
    context: dict[str, Any],
) -> dict[str, str]:
    """Draw a panel into its file; returns what the page's template shows of it."""
    drawn = plotting.styled(panel.draw)(results, metrics)
    kind = "gif" if isinstance(drawn, plotting.Film) else "png"
    plotting.fit_page(drawn.figure if isinstance(drawn, plotting.Film) else drawn)
    path = folder / f"{panel.name}.{kind}"
    if isinstance(drawn, plotting.Film):
        plotting.save_film(drawn, path)
    else:
        plotting.save(drawn, path)
    caption = environment.from_string(panel.caption).render(context)
    data = base64.b64encode(path.read_bytes()).decode()
    shown = {"name": panel.name, "title": panel.title, "caption": caption, "kind": kind, "data": data}
    share = min(1.0, plotting.share_of_page(path))
    return shown | {"width": f"{100 * share:.1f}%", "least": f"{50 * share:.1f}rem"}
