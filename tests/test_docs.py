"""The documentation is true: its pages equal their records, its links lead somewhere, its Python runs by itself."""

import ast
import importlib
import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from experiments.lab import tables
from ferro_jax.compiling import QUICKLY

ROOT = Path(__file__).resolve().parents[1]
MADE = ("_generated", "_build", "jupyter_execute")  # folders of the site, written when it is built
PAGES = sorted(ROOT.glob("*.md")) + sorted(
    path for path in (ROOT / "docs").rglob("*.md") if not set(MADE) & set(path.parts)
)
FACES = ("ferro_jax", "bo", "models", "models.histories", "experiments", "experiments.datasets", "experiments.plots")
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AS_CAMPAIGNS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICKLY.items())
# Runs every snippet of a list in a fresh namespace of one process: JAX starts once for a page, names are not shared.
RUNNER = """
import json, sys
for number, snippet in enumerate(json.load(open(sys.argv[1]))):
    print("snippet", number, flush=True)
    exec(compile(snippet, f"snippet {number}", "exec"), {"__name__": "__main__"})
"""


def run_snippets(snippets, folder, seconds):
    """Run Python snippets as a user would: outside the tests' hooks, one after another, none with another's names.

    They are compiled as campaigns are, because they are short jobs: in two thirds of the time.
    """
    (folder / "runner.py").write_text(RUNNER)
    (folder / "snippets.json").write_text(json.dumps(snippets))
    environment = {name: value for name, value in os.environ.items() if name != "JAX_ENABLE_X64"}
    done = subprocess.run(
        [sys.executable, "runner.py", "snippets.json"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": AS_CAMPAIGNS},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{done.stdout[-500:]}\n{done.stderr[-3000:]}"


def docstring_example(face):
    """Return the indented block of code in the docstring of a face."""
    path = ROOT / face.replace(".", "/")
    source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    doc = ast.get_docstring(ast.parse(source.read_text())) or ""
    code = [line[4:] for line in doc.splitlines() if line.startswith("    ") or not line.strip()]
    return "\n".join(code).strip() + "\n"


def test_the_pages_equal_their_records():
    differing = [path.name for path, text in tables.pages().items() if not path.is_file() or path.read_text() != text]
    assert not differing, f"{differing}: run python -m experiments.lab.tables"


def test_numbers_are_formatted_as_the_records_say():
    assert (
        tables.show({"median": -1205.6, "smallest": -1209.5, "largest": None}, {}) == "−1205.6 [−1209.5, not reached]"
    )
    assert (
        tables.show({"median": 5.3, "smallest": 5, "largest": 6.4, "decimals": 1, "unit": "°"}, {}) == "5.3° [5.0, 6.4]"
    )
    assert tables.show({"value": 0.6, "note": "in 2 of 5"}, {"decimals": 2}) == "0.60 (in 2 of 5)"
    assert tables.show([0.5, {"more_than": 64}, "never"], {}) == "0.5 / more than 64 / never"
    assert tables.show({"at_least": 0.55, "aim": 0.7, "reached": False}, {}) == "≥ 0.55, aim 0.7, **not reached**"
    assert tables.show({"from": 0.002, "to": 0.008}, {}) == "0.002–0.008"
    assert tables.number(12345) == "12,345" and tables.number(1e-6) == "1e-6"


def test_a_cell_without_a_column_is_refused():
    with pytest.raises(ValueError, match="speed"):
        tables.table({"what": "what"}, [{"what": "rollout", "speed": 3}])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_exist_with_their_options(page):
    for module, rest in re.findall(r"python -m ((?:experiments|benchmarks)\.\w[\w.]*)([^`\n#|)]*)", page.read_text()):
        if module == "experiments.my_experiment":
            continue
        path = ROOT / module.rstrip(".").replace(".", "/")
        runs = (path / "__main__.py").is_file()
        assert runs or path.with_suffix(".py").is_file(), f"{page.name} names {module}, which is not there"
        if runs and module.startswith("experiments."):  # a benchmark has a parser instead of a Config
            found = importlib.import_module(module)
            configs = found.COMMANDS.values() if hasattr(found, "COMMANDS") else [found.Config]
            options = {field.name for config in configs for field in fields(config)} | {"help"}
            given = {name.replace("-", "_") for name in re.findall(r"--([a-z-]+)", rest)}
            assert given <= options, f"{page.name}: {module} has no {given - options}"


def test_the_readme_is_one_screen_and_a_half():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if SNIPPET.search(p.read_text())], ids=lambda page: page.stem)
def test_the_snippets_of_a_page_run_by_themselves(page, tmp_path):
    run_snippets(SNIPPET.findall(page.read_text()), tmp_path, seconds=600)


@pytest.mark.slow
def test_the_examples_of_faces_run(tmp_path):
    examples = [docstring_example(face) for face in FACES]
    for example in examples:
        assert 4 <= len(example.splitlines()) <= 20, example
    run_snippets(examples, tmp_path, seconds=900)


def test_every_experiment_has_a_place_in_the_gallery_and_a_figure_that_stands_for_it():
    """The gallery takes the figure that ``EXPERIMENT.picture`` names; ``process`` runs a user's folder and has none."""
    site = runpy.run_path(str(ROOT / "docs/site_pages.py"))
    assert "latent_bo" in site["gallery"](ROOT / "docs")  # ValueError for an experiment without a place
    for folder in sorted(path.parent for path in (ROOT / "experiments").glob("*/__main__.py")):
        experiment = getattr(importlib.import_module(f"experiments.{folder.name}"), "EXPERIMENT", None)
        if experiment is not None:
            assert experiment.picture in {panel.name for panel in experiment.module("figures").PANELS}, folder.name


def names_used(source, text):
    """Return the dotted names of our packages that Python uses, by their whole path, and those that a text mentions.

    ``from models import latent`` and ``latent.refine`` give ``models.latent.refine``.
    """
    whole = {"datasets": "experiments.datasets", "plots": "experiments.plots"}
    names = {f"{whole.get(a, a)}.{b}" for a, b in re.findall(r"`(bo|models|datasets|plots)\.([\w.]*\w)", text)}
    aliases = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            aliases |= {each.asname or each.name: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            aliases |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute | ast.Name):
            first, _, rest = ast.unparse(node).partition(".")
            if first in aliases and re.fullmatch(r"[\w.]*", rest):
                names.add(f"{aliases[first]}.{rest}".rstrip("."))
    return names


def documented(name, entries):
    """Whether a dotted name, or the class that it belongs to, has an entry."""
    return name in entries or name.rpartition(".")[0] in entries


def test_every_name_that_guides_and_notebooks_use_is_in_the_reference():
    pages = runpy.run_path(str(ROOT / "docs/site_pages.py"))["references"]()
    entries = set(pages) | set(re.findall(r"auto(?:class|function):: ([\w.]+)", "\n".join(pages.values())))
    entries |= set(re.findall(r"^A \w+: `([\w.]+)`\.$", "\n".join(pages.values()), re.MULTILINE))
    used = set()
    for page in [ROOT / "README.md", ROOT / "docs/start.md", *sorted((ROOT / "docs/guide").glob("*.md"))]:
        text = page.read_text()
        for snippet in SNIPPET.findall(text) or [""]:
            used |= names_used(snippet, text)
    for notebook in sorted((ROOT / "docs/notebooks").glob("*.py")):
        used |= names_used(notebook.read_text(), notebook.read_text())
    used = {name for name in used if name.startswith(("ferro_jax.", "bo.", "models.", "experiments.datasets."))}
    assert {"bo.problems.grid", "models.recipes.invariant", "models.latent.refine"} <= used
    missing = sorted(name for name in used if not documented(name, entries))
    assert not missing, f"no page of the reference has {missing}: add their modules to site_pages.references"


def test_docstrings_are_marked_up_as_plain_text():
    site = runpy.run_path(str(ROOT / "docs/site_pages.py"))
    lines = ["Return Σ|curl P| of ``state``s.", "", "    code(*here)", "", "steps  of *one* run", "       and more"]
    site["plain_docstring"](None, "function", "f", None, None, lines)
    assert lines == [
        "Return Σ\\|curl P\\| of ``state``\\ s.",
        "",
        "::",
        "",
        "    code(*here)",
        "",
        "- ``steps``: of \\*one\\* run",
        "  and more",
        "",
    ]
