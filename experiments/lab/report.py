"""One self-contained page per run: figures with captions, every number, options and environment."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jinja2
import xarray
from matplotlib.figure import Figure

from experiments.lab import plotting

Metrics = dict[str, Any]  # flat: a number, or None where it is not finite


class Panel(NamedTuple):
    """A figure of a report: ``draw(results, metrics)`` makes it (a ``Film`` becomes a GIF); the caption is a jinja
    text over the metrics."""

    name: str
    title: str
    caption: str
    draw: Callable[[xarray.Dataset, Metrics], Figure | plotting.Film]


def _round(value: Any, missing: str = "none (not finite)") -> str:
    if value is None:
        return missing
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write(
    folder: Path,
    doc: str,
    results: xarray.Dataset,
    metrics: Metrics,
    config: dict[str, Any],
    figures: ModuleType,
) -> Path:
    """Draw ``figures.PANELS`` into PNG (or GIF) files and write ``report.html`` with them inside; returns its path.

    ``figures.SUMMARY`` is a jinja text (HTML) over the metrics that opens the page; every text sees the options as
    ``config``, the summary also sees the attributes of ``results.nc`` as ``attrs``. A name in a text that the metrics
    lack raises ``jinja2.UndefinedError``: a report shows no number that was not saved.
    """
    loader = jinja2.Environment(
        loader=jinja2.PackageLoader("experiments.lab"), undefined=jinja2.StrictUndefined, autoescape=True
    )
    loader.filters["number"] = _round
    pictures = []
    for panel in figures.PANELS:
        drawn = panel.draw(results, metrics)
        kind = "gif" if isinstance(drawn, plotting.Film) else "png"
        path = folder / f"{panel.name}.{kind}"
        if isinstance(drawn, plotting.Film):
            plotting.save_film(drawn, path)
        else:
            plotting.save(drawn, path)
        caption = loader.from_string(panel.caption).render(metrics, config=config)
        data = base64.b64encode(path.read_bytes()).decode()
        pictures.append({"name": panel.name, "title": panel.title, "caption": caption, "kind": kind, "data": data})
    page = loader.get_template("report.html.j2").render(
        name=folder.parent.name,
        run=folder.name,
        doc=doc.strip().split("\n", 1)[0],
        summary=loader.from_string(figures.SUMMARY).render(metrics, all=metrics, config=config, attrs=results.attrs),
        pictures=pictures,
        metrics=metrics,
        config=config,
        environment=json.loads((folder / "environment.json").read_text()),
        arrays=[
            (name, ", ".join(map(str, v.dims)), v.attrs.get("units", ""), v.attrs.get("long_name", ""))
            for name, v in results.variables.items()
        ],
    )
    (folder / "report.html").write_text(page)
    return folder / "report.html"
