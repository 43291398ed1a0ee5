"""The rules of the layout, read from the syntax tree: who may import whom, faces, sizes, documentation."""

import ast
import builtins
import importlib
import subprocess
import symtable
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from helpers.sources import ROOT, files, is_name, nodes, tree

PACKAGES = ("ferro_jax", "models", "bo", "experiments")
ALLOWED = {"ferro_jax": set(), "models": set(), "bo": set(), "experiments": {"ferro_jax", "models", "bo"}}
# What every package may import: what must happen before XLA starts, the ways in for values and files from outside,
# and what a saved state belongs to.
SHARED = {
    "ferro_jax.before_xla",
    "ferro_jax.compiling",
    "ferro_jax.files",
    "ferro_jax.hdf5",
    "ferro_jax.memory",
    "ferro_jax.options",
    "ferro_jax.trees",
    "ferro_jax.values",
    "ferro_jax.identity",
    "ferro_jax.pandas_tables",
    "ferro_jax.printing",
}
FACES = ("ferro_jax", "models", "models.histories", "bo", "experiments", "experiments.datasets", "experiments.plots")
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 80
MOST_INNER_IMPORTS, MOST_TYPE_CHECKING_BLOCKS, MOST_ENTRIES, MOST_LEVELS = 40, 8, 42, 5


def module_of(path: Path) -> str:
    """Dotted name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in files(*PACKAGES)}


def for_types_only(path: Path) -> set[ast.AST]:
    """Nodes below ``if TYPE_CHECKING``: a type checker reads them, Python does not."""
    blocks = [n for n in nodes(path)[ast.If] if is_name(n.test, "TYPE_CHECKING")]
    return {node for block in blocks for node in ast.walk(block)}


@cache
def imports(path: Path, *, types: bool = True) -> set[str]:
    """Modules of this project that a file imports, at any depth; ``types=False`` leaves out TYPE_CHECKING blocks."""
    left_out = set() if types else for_types_only(path)
    names = set()
    for node in nodes(path)[ast.Import] + nodes(path)[ast.ImportFrom]:
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in inner}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def room(module: str) -> str:
    """Folder of ``experiments`` in which a module lies."""
    return module.split(".")[1] if "." in module else ""


def experiments() -> list[str]:
    """Names of the packages that can be run."""
    return [path.parent.name for path in sorted((ROOT / "experiments").glob("*/__main__.py"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_in_the_agreed_direction(package):
    for path in files(package):
        for module in imports(path):
            other = module.split(".")[0]
            assert other in {package, *ALLOWED[package]} or module in SHARED, f"{module_of(path)} imports {module}"


def test_no_experiment_imports_another_and_shared_and_lab_import_none():
    names = set(experiments())
    allowed = {"lab": {"lab", "datasets"}, "datasets": {"datasets"}, "shared": {"shared", "lab", "datasets"}}
    for path in files("experiments"):
        here = room(module_of(path))
        others = {room(module) for module in imports(path) if module.startswith("experiments.")}
        if here in names:
            assert others <= {here, "shared", "lab", "datasets"}, f"{module_of(path)} imports {others}"
        elif here in allowed:
            assert others <= allowed[here], f"{module_of(path)} imports {others}"


def test_what_experiments_share_never_sees_a_run():
    for path in files("experiments/shared"):
        names = {n.id for n in nodes(path)[ast.Name]} | {n.arg for n in nodes(path)[ast.arg]}
        names |= {n.attr for n in nodes(path)[ast.Attribute] if n.attr == "Run"}
        names |= {n.name for n in nodes(path)[ast.alias] if n.name == "Run"}
        assert not {"Run", "run"} & names, f"{module_of(path)} uses a Run: return a record, compute.py records it"


def test_no_module_imports_names_from_the_face_of_its_own_package():
    """A face imports every module of its package when it is asked for a name: that would be a circle."""
    for module, path in MODULES.items():
        package = module.split(".")[0]
        for node in nodes(path)[ast.Import] + nodes(path)[ast.ImportFrom] if module not in FACES else ():
            if isinstance(node, ast.Import):
                assert package not in [alias.name for alias in node.names], f"{module} imports {package}"
            elif isinstance(node, ast.ImportFrom) and node.module == package:
                names = {f"{package}.{alias.name}" for alias in node.names}
                assert names <= MODULES.keys(), f"{module} imports {names} from the face of {package}"


def graph(of: Callable[[str], str]) -> dict[str, set[str]]:
    """Imports between the groups that ``of(module)`` names, of files that Python reads; faces are left out, because
    they import what they show only when it is asked for."""
    arrows: dict[str, set[str]] = {}
    inner = {module: path for module, path in MODULES.items() if module not in FACES}
    for module, path in inner.items():
        arrows.setdefault(of(module), set()).update(of(name) for name in imports(path, types=False) if name in inner)
    return {group: others - {group} for group, others in arrows.items()}


def circles(arrows: dict[str, set[str]]) -> set[str]:
    """What remains when everything that imports nothing (any more) has been taken away."""
    left = {group: set(others) for group, others in arrows.items()}
    while free := {group for group, others in left.items() if not others & left.keys()}:
        for group in free:
            del left[group]
    while free := {group for group in left if not any(group in others for others in left.values())}:
        for group in free:
            del left[group]
    return set(left)


def test_no_module_takes_part_in_a_circle_of_imports():
    assert circles(graph(lambda module: module)) == set()


def box(module: str) -> str:
    """The folder of a package, or the file directly in it, that a module belongs to."""
    return ".".join(module.split(".")[: 3 if room(module) == "shared" else 2])


def test_no_folder_takes_part_in_a_circle_of_imports():
    assert circles(graph(box)) == set()


def test_levels_of_folders_in_experiments():
    """The longest way downhill from one folder of ``experiments`` to another."""
    arrows = {group: others for group, others in graph(box).items() if group.startswith("experiments.")}

    def levels(group: str) -> int:
        return 1 + max((levels(other) for other in arrows[group] if other in arrows), default=0)

    assert not circles(arrows)
    assert max(map(levels, arrows)) <= MOST_LEVELS


def test_imports_inside_functions_and_blocks_for_types_are_few():
    inner, blocks = [], []
    for path in files(*PACKAGES):
        imported = nodes(path)[ast.Import] + nodes(path)[ast.ImportFrom]
        ranges = [(f.lineno, f.end_lineno) for f in nodes(path)[ast.FunctionDef]]
        found = [n for n in imported if any(first <= n.lineno <= last for first, last in ranges)]
        inner += [f"{module_of(path)}:{node.lineno}" for node in found]
        blocks += [module_of(path)] * any(
            isinstance(n, ast.If) and is_name(n.test, "TYPE_CHECKING") for n in tree(path).body
        )
    assert len(inner) <= MOST_INNER_IMPORTS, inner
    assert len(blocks) <= MOST_TYPE_CHECKING_BLOCKS, blocks


def test_files_and_functions_are_short():
    for path in files(*PACKAGES, "tests", "benchmarks"):
        assert len(path.read_text().splitlines()) <= MOST_LINES, path
        for node in nodes(path)[ast.FunctionDef]:
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_LINES_OF_A_FUNCTION, f"{module_of(path)}.{node.name}: {length} lines"


def test_experiments_shows_few_entries():
    shown = [path for path in (ROOT / "experiments").iterdir() if path.name != "__pycache__"]
    assert len(shown) <= MOST_ENTRIES


def public(module: ast.Module) -> list[ast.AST]:
    """Functions and classes of a module, and methods of its classes, whose names have no leading underscore."""
    nodes = [node for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in list(nodes):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            nodes += [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    return [node for node in nodes if not node.name.startswith("_")]


def test_every_module_and_every_public_name_is_documented():
    missing = []
    for module, path in MODULES.items():
        if path.name != "__main__.py" or module == "experiments.__main__":
            text = ast.get_docstring(tree(path)) or "TODO"
            missing += [module] * text.startswith("TODO")
        missing += [f"{module}.{node.name}" for node in public(tree(path)) if not ast.get_docstring(node)]
    assert not missing, missing


def test_every_folder_has_a_face():
    """``__all__`` of a package names what its users need; that of an inner folder names its modules."""
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            continue
        listed = [n for n in tree(path).body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
        assert listed, f"{module} has no __all__"
        if module not in FACES and room(module) not in experiments():
            names = set(ast.literal_eval(listed[0].value))
            inside = {p.stem for p in path.parent.glob("*.py")} | {
                p.parent.name for p in path.parent.glob("*/__init__.py")
            }
            assert names == inside - {"__init__", "__main__"}, f"{module}.__all__"


@pytest.mark.parametrize("name", FACES)
def test_a_face_shows_what_it_names_and_hides_no_module(name):
    face = importlib.import_module(name)
    assert face.__doc__ and set(face.__all__) <= set(dir(face))
    assert not [shown for shown in dir(face) if not shown.startswith("__") and shown not in face.__all__]
    for shown in face.__all__:
        value = getattr(face, shown)
        hides = f"{name}.{shown}" in MODULES and not hasattr(value, "__path__") and type(value).__name__ != "module"
        assert not hides, f"{name}.{shown} hides the module of its name"
    with pytest.raises(AttributeError, match="has no attribute"):
        face.surely_not_there  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_package_names_resolve_inside_this_project(package):
    file = importlib.import_module(package).__file__
    assert file is not None and Path(file).is_relative_to(ROOT)


def run_code(code: str) -> subprocess.CompletedProcess:
    """Run Python code in a process of its own; fails with what it wrote on stderr."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_help_and_listing_need_no_jax():
    """JAX takes seconds to import: ``--help`` must not."""
    run_code("""
import importlib, sys
import experiments.__main__ as listing
names = listing.listing()
assert 'latent_bo' in names and all(names.values())
for name in names:
    module = importlib.import_module(f'experiments.{name}')
    try: getattr(module, 'EXPERIMENT', module).main(['--help'])  # process has commands instead of one job
    except SystemExit as end: assert end.code in (0, None)
assert not {'jax', 'gpjax', 'matplotlib', 'xarray'} & set(sys.modules)
""")


def test_packages_do_not_start_the_xla_backend():
    """``import gpjax`` starts XLA, after which device counts and distributed start-up can no longer be set."""
    run_code("""
import ferro_jax, models, bo, experiments, sys
assert 'gpjax' not in sys.modules
bridge = sys.modules.get('jax._src.xla_bridge')
assert bridge is None or not bridge._backends
""")


def test_every_global_name_is_defined():
    """Neither ruff nor the type checker looks for undefined names here, because both take axis words for some."""
    known = {*dir(builtins), "__annotations__", "__file__", "__path__"}
    for path in files(*PACKAGES):
        scopes, loaded, stored = [symtable.symtable(path.read_text(), str(path), "exec")], set(), set(known)
        while scopes:
            scope = scopes.pop()
            scopes += scope.get_children()
            top = scope.get_type() == "module"
            for each in scope.get_symbols():
                if not (top or each.is_global()):
                    continue
                if each.is_referenced():
                    loaded.add(each.get_name())
                if each.is_assigned() or each.is_imported():
                    stored.add(each.get_name())
        assert loaded <= stored, f"{path}: undefined names {sorted(loaded - stored)}"
