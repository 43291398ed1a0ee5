"""The file of the explorer: its data as base64 beside the template, style and scripts of ``web``."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np

from experiments.lab.plotting import DIVERGING, SEQUENTIAL
from experiments.shared.explorer.records import Campaign, Content, Decoder, Layer, Points, Preset, Simulator

FILE = "explorer.html"
LARGEST = 3_000_000  # bytes of a page
CYCLIC = "cmc.romaO"
WEB = Path(__file__).parent / "web"
SCRIPTS = (
    "arrays.js",
    "threefry.js",
    "ferrosim.js",
    "curl.js",
    "decoder.js",
    "plots.js",
    "grid.js",
    "plane.js",
    "history.js",
    "lattice.js",
    "simulation.js",
    "controls.js",
    "app.js",
    "events.js",
)


def write(folder: Path, content: Content) -> Path:
    """Write ``explorer.html`` to a folder and return its path.

    Campaigns and layers are left out from the last on where the page would exceed ``LARGEST`` bytes; the page names
    them. ValueError where it is too large without any, and for cells that lie on no grid.
    """
    path = folder / FILE
    data = {
        "title": content.title,
        "about": content.about,
        "objective": content.objective,
        **_grid(content.z),
        "support": packed(content.support, "uint8"),
        "points": [_points(each) for each in content.points],
        "decoder": _decoder(content.decoder),
        "simulator": None if content.simulator is None else _simulator(content.simulator),
        "colours": {name: packed(_colours(map_), "uint8") for name, map_ in _maps().items()},
        "layers": [],
        "campaigns": [],
        "left_out": [],
    }
    room = LARGEST - len(_rendered(data).encode())
    if room < 0:
        raise ValueError(f"a page of {LARGEST - room} bytes would be needed, {LARGEST} are the most")
    path.write_text(_rendered(data | _fitting(content, room)), encoding="utf-8")
    return path


def _fitting(content: Content, room: int) -> dict[str, list[Any]]:
    """Return layers and campaigns that fit into so many bytes, in order, and the titles of those that do not."""
    layers, campaigns, left_out = [], [], []
    common = [layer for layer in content.layers if layer.campaign is None]
    units: list[tuple[str, list[Layer], list[Campaign]]] = [(layer.title, [layer], []) for layer in common]
    for number, campaign in enumerate(content.campaigns):
        own = [layer for layer in content.layers if layer.campaign == number]
        units.append((campaign.title, own, [campaign]))
    for title, own, asked in units:
        added = [_layer(layer) for layer in own], [_campaign(each) for each in asked]
        size = len(json.dumps(added)) + len(json.dumps(title)) + 16
        if left_out or size > room:
            left_out.append(title)
            continue
        room -= size
        layers += added[0]
        campaigns += added[1]
    return {"layers": layers, "campaigns": campaigns, "left_out": left_out}


def scripts() -> str:
    """Return the scripts of the page, one after another."""
    return "\n".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)


def packed(values: np.ndarray, dtype: str) -> dict[str, str]:
    """Return an array as base64 of its numbers, row-major and little-endian, for ``arrays.js``."""
    little = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
    return {"dtype": dtype, "base64": base64.b64encode(little.tobytes()).decode()}


def _rendered(data: dict[str, Any]) -> str:
    """Return the page around its data."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB), undefined=jinja2.StrictUndefined)
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")  # no word of a user may end the script
    style = (WEB / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(data=text, style=style, scripts=scripts())


def _grid(z: np.ndarray) -> dict[str, Any]:
    """Return the axes of the grid that cells lie on, and the place of each cell in it, the last latent fastest.

    ValueError for cells on no regular grid.
    """
    axes, places = [], []
    for values in z.T:
        known = np.unique(values)
        step = float(np.diff(known).min()) if len(known) > 1 else 1.0
        place = np.rint((values - known[0]) / step)
        if np.abs(known[0] + step * place - values).max() > 0.01 * step:
            raise ValueError("the cells of the latent space lie on no regular grid")
        count = int(place.max()) + 1
        step = float(known[-1] - known[0]) / (count - 1) if count > 1 else step
        axes.append({"first": float(known[0]), "step": step, "count": count})
        places.append(place.astype(int))
    shape = [axis["count"] for axis in axes]
    return {"axes": axes, "place": packed(np.array(np.ravel_multi_index(places, shape)), "uint32")}


def _maps() -> dict[str, str]:
    """Return the colour maps of the page by their use."""
    return {"sequential": SEQUENTIAL, "diverging": DIVERGING, "cyclic": CYCLIC}


def _colours(name: str) -> np.ndarray:
    """Return 256 colours of a map, (colour, 3)."""
    return np.asarray(matplotlib.colormaps[name](np.linspace(0, 1, 256), bytes=True))[:, :3]


def _finite(value: float | None) -> float | None:
    """Return a number for JSON, None where it is not finite."""
    return value if value is not None and math.isfinite(value) else None


def _layer(layer: Layer) -> dict[str, Any]:
    return {**layer._asdict(), "values": packed(layer.values, "float32")}


def _campaign(campaign: Campaign) -> dict[str, Any]:
    kinds = {"cells": "uint32", "values": "float32", "marks": "uint8"}
    return {**campaign._asdict(), **{name: packed(getattr(campaign, name), kind) for name, kind in kinds.items()}}


def _points(points: Points) -> dict[str, Any]:
    return {"title": points.title, "z": packed(points.z, "float32")}


def _decoder(decoder: Decoder) -> dict[str, Any]:
    channels = zip(decoder.names, decoder.units, decoder.low, decoder.high, strict=True)
    return {
        "layers": [
            {"kernel": packed(kernel, "float32"), "bias": packed(bias, "float32")} for kernel, bias in decoder.layers
        ],
        "activation": decoder.activation,
        "samples": decoder.samples,
        "channels": [
            {"name": name, "unit": unit, "low": _finite(float(low)), "high": _finite(float(high))}
            for name, unit, low, high in channels
        ],
        "time_unit": decoder.time_unit,
        "duration": {
            "log": decoder.log_duration,
            "shortest": decoder.durations[0],
            "longest": decoder.durations[1],
        },
    }


def _simulator(simulator: Simulator) -> dict[str, Any]:
    return {
        "presets": [_preset(each) for each in simulator.presets],
        "subsets": [{"title": title, "key": list(map(int, key))} for title, key in simulator.subsets.items()],
    }


def _preset(preset: Preset) -> dict[str, Any]:
    return {
        **preset.attributes,
        "title": preset.title,
        "local": packed(preset.local_field, "float32"),
        "truth": preset.truth,
    }
