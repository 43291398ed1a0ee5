"""Write the small pictures of the gallery, ``docs/pictures``, from the figures of runs at full size.

    python -m experiments.lab.pictures runs/latent_bo/20261129-… runs/steel/20261129-…

The figure of an experiment is the one that its ``EXPERIMENT.picture`` names. ``docs/pictures/pictures.json`` keeps the
revision, seed and day of each run.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from experiments.lab.tables import ROOT

WIDTH, HEIGHT = 640, 480  # pixels, at most
COLOURS = 128  # of the palette, so that a picture takes some 50 kB


def shrink(figure: Path, picture: Path) -> None:
    """Write a figure as a PNG of at most ``WIDTH × HEIGHT`` pixels in ``COLOURS`` colours."""
    with Image.open(figure) as opened:
        small = opened.convert("RGB")
        small.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def take(run: Path, folder: Path) -> dict[str, Any]:
    """Write the picture of one run to ``folder`` and return where it comes from.

    ValueError for a folder that is no run, a small job, and a run without the figure.
    """
    if not (run / "config.json").is_file():
        raise ValueError(f"{run} is no folder of a run: it has no config.json")
    name, config = run.resolve().parent.name, json.loads((run / "config.json").read_text())
    if config["smoke"]:
        raise ValueError(f"{run} is a small job (--smoke): give a run of full size")
    figure = import_module(f"experiments.{name}").EXPERIMENT.picture
    if not (run / f"{figure}.png").is_file():
        raise ValueError(f"{run} has no {figure}.png: draw it by python -m experiments.{name} --replot {run}")
    shrink(run / f"{figure}.png", folder / f"{name}.png")
    revision = json.loads((run / "environment.json").read_text()).get("revision", "")
    return {"figure": figure, "revision": revision, "seed": config["seed"], "day": run.name[:8]}


def main() -> None:
    """Write the pictures of the runs that the command line names, and where they come from."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs at full size")
    folder = ROOT / "docs/pictures"
    record = folder / "pictures.json"
    known = json.loads(record.read_text()) if record.is_file() else {}
    for run in parser.parse_args().runs:
        try:
            known[run.resolve().parent.name] = take(run, folder)
        except ValueError as error:
            raise SystemExit(f"pictures: {error}") from None
        print(folder / f"{run.resolve().parent.name}.png")
    record.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
