"""Write the pages of the site that follow from the code: the gallery of experiments and the reference of the packages.

``docs/conf.py`` calls ``write`` before Sphinx reads its sources. What it writes lies in ``docs/_generated``, which git
ignores.
"""

import importlib
import inspect
import re
from pathlib import Path

from experiments.lab import tables

FACES = ("ferro_jax", "models", "models.histories", "bo", "experiments.datasets", "experiments.plots")
TECHNIQUES = {
    "Find the best process": (
        "latent_bo", "gradient_latent", "robust_bo", "annealing", "steel", "battery", "process",
    ),
    "Campaigns and surrogates": ("gp_tutorial", "acquisition_sweep", "inside_support", "parameter_bo",
                                 "multifidelity_ferrosim"),
    "Deep kernels": ("dkl_cards", "dkl_trajectories", "latent_quality"),
    "The ferroelectric lattice": ("ferrosim_microstates", "ferrosim_parameters", "convergence", "equilibration",
                                "optimal_control", "inverse_parameters", "material_sweep"),
    "Images and classes": (
        "vae_digits", "conditional_digits", "joint_digits", "conditional_cards", "invariant_cards", "joint_cards",
        "semi_supervised_cards", "ensemble_joint",
    ),
    "Scans, spectra, loops": (
        "switching_loops", "nmf_maps", "image_to_spectrum", "spectrum_to_image", "dual_vae_plasmonics",
    ),
}  # fmt: skip
ELSEWHERE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "README.md": "start.md"}


def write(docs: Path) -> None:
    """Write gallery, reference, and the pages that lie above ``docs``, into ``docs/_generated``."""
    folder = docs / "_generated"
    (folder / "api").mkdir(parents=True, exist_ok=True)
    pages = {"gallery.md": gallery(docs)}
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        pages[ELSEWHERE[name]] = (docs.parent / name).read_text()
    for face in FACES:
        pages[f"api/{face}.md"] = reference(face)
    listed = "\n".join(f"api/{face}" for face in FACES)
    pages["api.md"] = (
        "# Reference\n\nEvery public name, from its docstring. A user imports a package and calls its names: "
        f"`import bo`, `bo.campaign(...)`.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:  # an unchanged page is not read again
            path.write_text(text)


def gallery(docs: Path) -> str:
    """Return the gallery: for each experiment its picture, question, command, time and expected number, by technique.

    ValueError for an experiment that has no place in ``TECHNIQUES``.
    """
    packages = [path.parent for path in sorted((docs.parent / "experiments").glob("*/__main__.py"))]
    described = {package.name: tables.described(package / "__init__.py") for package in packages}
    placed = {name for names in TECHNIQUES.values() for name in names}
    if placed != set(described):
        raise ValueError(f"{sorted(placed ^ set(described))}: give every experiment one place in site_pages.TECHNIQUES")
    parts = ["# Gallery", "What each experiment asks and shows. A picture leads to its command and its numbers."]
    for technique, names in TECHNIQUES.items():
        cards = [card(name, described[name], docs / "pictures" / f"{name}.png") for name in names]
        parts += [f"## {technique}", "::::{grid} 1 2 3 3\n:gutter: 3\n\n" + "\n\n".join(cards) + "\n\n::::"]
    return "\n\n".join(parts) + "\n"


def card(name: str, doc: dict[str, str], picture: Path) -> str:
    """Return the card of one experiment."""
    lines = [f":::{{grid-item-card}} {name}", f":link: /experiments.md#{name}", ":link-type: url"]
    lines[1:] = [f":link: ../experiments.html#{name.replace('_', '-')}"]
    if picture.is_file():
        lines += [f":img-top: /pictures/{picture.name}", f":img-alt: {name}: a figure of its report"]
    short = doc["job"].replace("|", "\\|")
    footer = f"```{{card-footer}}\n{short or 'see its commands'}\n```"
    return "\n".join([*lines, "", doc["question"], "", footer, ":::"])


def reference(face: str) -> str:
    """Return the page of a package: its docstring and every name of ``__all__``."""
    module = importlib.import_module(face)
    parts = [f"# {face}", f"```{{eval-rst}}\n.. automodule:: {face}\n   :no-members:\n```"]
    for name in sorted(module.__all__, key=lambda name: (name.lower(), name)):
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            block = f"```{{eval-rst}}\n.. automodule:: {thing.__name__}\n   :members:\n   :no-index:\n```"
            listed = thing.__name__ in FACES
            parts += [f"## {name}", f"See [{thing.__name__}]({thing.__name__}.md)." if listed else block]
            continue
        if not callable(thing):
            parts += [f"## {name}", f"A {type(thing).__name__}: `{face}.{name}`."]
            continue
        kind = "autoclass" if inspect.isclass(thing) else "autofunction"
        rows = "\n   :members:\n   :undoc-members:\n   :exclude-members: count, index" if kind == "autoclass" else ""
        parts += [f"## {name}", f"```{{eval-rst}}\n.. {kind}:: {face}.{name}{rows}\n```"]
    return "\n\n".join(parts) + "\n"


def links_within_the_site(app, name: str, source: list[str]) -> None:
    """Turn links to pages above ``docs`` into links to their copies in the site."""
    for page, copy in ELSEWHERE.items():
        where = f"/_generated/{copy}" if copy != "start.md" else "/start.md"
        source[0] = re.sub(rf"\]\((\.\./)+{re.escape(page)}", f"]({where}", source[0])
    source[0] = re.sub(r"\[[^\]]*\]\((?:\.\./)+(benchmarks/[^)]*)\)", r"`\1`", source[0])  # no page of the site
    if name.startswith("_generated/") and name.count("/") == 1:
        source[0] = re.sub(r"\]\(docs/", "](/", source[0])


def plain_docstring(app, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Mark up a docstring that is plain text: indented blocks are code, tables are lists, the rest is escaped."""
    done: list[str] = []
    for paragraph in "\n".join(lines).strip("\n").split("\n\n"):
        done += [*_marked_up(paragraph.split("\n"), done), ""]
    lines[:] = [] if done[0].startswith("Alias for field number") else done


def _marked_up(rows: list[str], before: list[str]) -> list[str]:
    """Return one paragraph as reStructuredText; ``before`` are the lines that precede it."""
    if all(row.startswith("    ") or not row for row in rows):
        inside = any(before) and next(line for line in reversed(before) if line).startswith("    ")
        return rows if inside else ["::", "", *rows]
    entries = [re.match(r"(\S+)\s{2,}(\S.*)", row) for row in rows]
    if all(entry or row.startswith(" ") for entry, row in zip(entries, rows, strict=True)):
        return [
            f"- ``{entry[1].strip('`')}``: {_escaped(entry[2])}" if entry else f"  {_escaped(row.strip())}"
            for entry, row in zip(entries, rows, strict=True)
        ]
    bullet = rows[0].startswith("- ")
    return [_escaped(row) if bullet else _escaped(row.strip()) for row in rows]


def _escaped(line: str) -> str:
    """Escape what reStructuredText would take for markup, outside of ``literals``, which letters may follow."""
    text, literal = "", False
    for piece in re.split(r"(``.+?``)", line):
        follows = literal and re.match(r"[^\s.,;:!?)\]}/\-'\"]", piece)
        literal = piece.startswith("``")
        text += ("\\ " if follows else "") + (piece if literal else re.sub(r"([*|`_\\])", r"\\\1", piece))
    return text
