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
GALLERY = (
    "What each experiment asks and shows. A name leads to its command and its numbers, a picture to itself, larger."
)
ELSEWHERE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "README.md": "start.md"}


def write(docs: Path) -> None:
    """Write gallery, reference, and the pages that lie above ``docs``, into ``docs/_generated``."""
    folder = docs / "_generated"
    (folder / "api").mkdir(parents=True, exist_ok=True)
    pages = {"gallery.md": gallery(docs)}
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        pages[ELSEWHERE[name]] = (docs.parent / name).read_text()
    pages |= {f"api/{name}.md": text for name, text in references().items()}
    pages["api.md"] = contents(list(references()))
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
    parts = [
        "# Gallery",
        GALLERY,
    ]
    for technique, names in TECHNIQUES.items():
        cards = [card(name, described[name], docs / "pictures" / f"{name}.png") for name in names]
        parts += [f"## {technique}", "::::{grid} 1 1 2 2\n:gutter: 3\n\n" + "\n\n".join(cards) + "\n\n::::"]
    return "\n\n".join(parts) + "\n"


def card(name: str, doc: dict[str, str], picture: Path) -> str:
    """Return the card of one experiment; a click on its picture opens it alone."""
    lines = [":::{grid-item-card}"]
    if picture.is_file():
        whole = f":target: ../_images/{picture.name}"
        lines += [f"```{{image}} /pictures/{picture.name}", f":alt: {name}: a figure of its report", whole, "```", ""]
    lines += [f"**[{name}](../experiments.md#{name.replace('_', '-')})**", ""]
    short = doc["job"].replace("|", "\\|")
    footer = f"```{{card-footer}}\n{short or 'see its commands'}\n```"
    return "\n".join([*lines, doc["question"], "", footer, ":::"])


def references() -> dict[str, str]:
    """Return the pages of the reference by the names of their modules: the packages, then the modules they show."""
    pages = {face: reference(face) for face in FACES}
    for face in FACES:
        package = importlib.import_module(face)
        shown = [name for name in package.__all__ if inspect.ismodule(getattr(package, name))]
        pages |= {f"{face}.{name}": of_module(f"{face}.{name}") for name in shown if f"{face}.{name}" not in FACES}
    return pages


def contents(names: list[str]) -> str:
    """Return the page that leads to the reference of each module, with the first sentence of its docstring."""
    listed = [f"- [{name}](api/{name}.md): {first_sentence(found(name))}" for name in names]
    packages, modules = "\n".join(listed[: len(FACES)]), "\n".join(listed[len(FACES) :])
    hidden = "\n".join(f"api/{name}" for name in names)
    return (
        "# Reference\n\nEvery public name, from its docstring. A user imports a package and calls its names: "
        f"`import bo`, `bo.campaign(...)`.\n\n{packages}\n\nModules that the packages show, such as "
        f"`models.recipes.joint`:\n\n{modules}\n\n```{{toctree}}\n:hidden:\n\n{hidden}\n```\n"
    )


def found(name: str) -> object:
    """Return the module or the public name behind a dotted name, such as ``models.scores``."""
    package, _, last = name.rpartition(".")
    return getattr(importlib.import_module(package), last) if package else importlib.import_module(name)


def first_sentence(module: object) -> str:
    """Return the first sentence of a module's docstring, in Markdown."""
    text = " ".join((inspect.getdoc(module) or "").split("\n\n")[0].split())
    return re.sub(r"``(.+?)``", r"`\1`", re.split(r"(?<=\.)\s", text)[0]).replace("|", "\\|")


def entry(name: str, thing: object) -> str:
    """Return the entry of a class, a function or a value by its dotted name."""
    if not callable(thing):
        return f"A {type(thing).__name__}: `{name}`."
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    rows = "\n   :members:\n   :undoc-members:\n   :exclude-members: count, index" if kind == "autoclass" else ""
    return f"```{{eval-rst}}\n.. {kind}:: {name}{rows}\n```"


def heading(name: str, module: object) -> list[str]:
    """Return the title of a module's page and its docstring."""
    return [f"# {name}", f"```{{eval-rst}}\n.. automodule:: {module.__name__}\n   :no-members:\n```"]


def reference(face: str) -> str:
    """Return the page of a package: its docstring and every name of ``__all__``."""
    module = importlib.import_module(face)
    parts = heading(face, module)
    for name in sorted(module.__all__, key=lambda name: (name.lower(), name)):
        thing = getattr(module, name)
        seen = f"See [{face}.{name}]({face}.{name}.md)." if inspect.ismodule(thing) else entry(f"{face}.{name}", thing)
        parts += [f"## {name}", seen]
    return "\n\n".join(parts) + "\n"


def of_module(name: str) -> str:
    """Return the page of a module: its docstring, and every public class and function that is defined in it.

    Those of a package's modules stand on the package's page.
    """
    module = found(name)
    parts = heading(name, module)
    inner = getattr(module, "__all__", []) if hasattr(module, "__path__") else []
    for place in [f"{name}.{each}" for each in inner] or [name]:
        home = importlib.import_module(place) if inner else module
        for each, thing in vars(home).items():
            own = (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__ == home.__name__
            if own and not each.startswith("_"):
                parts += [f"## {each}", entry(f"{place}.{each}", thing)]
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
