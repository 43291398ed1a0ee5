"""Every public function that takes arrays passes them through ``ferro_jax.values``, itself or by what it calls."""

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
PACKAGES = ("ferro_jax", "models", "bo", "experiments")
FACES = ("ferro_jax", "models", "models.histories", "bo", "experiments.datasets")
ARRAYS = ("Float[", "Int[", "Bool[", "Real[", "Shaped[", "Array", "ndarray", "Scalar", "Data")
NAMES = {"bounds", "candidates", "context", "curves", "data", "factors", "history", "initial", "key", "keys", "labels"}
NAMES |= {"levels", "mask", "noise", "path", "points", "pool", "reference", "spectra", "stack", "values", "x", "y", "z"}
DOOR = "ferro_jax.values"
# Public functions that take arrays and do not pass them through the door, each with the reason.
EXCEPTIONS = {
    "bo.campaigns.tables.indexed": "keeps the candidates as they are for bo.campaign, which goes through the door",
    "bo.acquisitions.combined.per_cost": "the array is an argument of the cost function, which is the user's",
    "bo.data.write": "writes into rows of the campaign's own state, inside compiled code",
    "experiments.datasets.types.angle_errors": "the record of images works without JAX, which the door imports",
    "experiments.datasets.types.take": "the record of images works without JAX, which the door imports",
    "models.latent.Pool.take": "takes rows as NumPy's index does",
    "models.vaes.model.reconstruct": "hands them to Model.encode, which is a field and goes through the door",
}


@cache
def tree(path: Path) -> ast.Module:
    """Syntax tree of a file."""
    return ast.parse(path.read_text())


def path_of(module: str) -> Path | None:
    """File of a module of this project, None for other names."""
    base = ROOT / module.replace(".", "/")
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


@cache
def names_in(module: str) -> dict[str, str]:
    """What the names of a module stand for: its own functions and classes, and what it imports from this project."""
    path = path_of(module)
    found: dict[str, str] = {}
    for node in tree(path).body if path else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = f"{module}.{node.name}"
    for node in ast.walk(tree(path)) if path else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def definition(name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """Syntax tree of a function, class or method by its full name."""
    module, _, last = name.rpartition(".")
    path = path_of(module)
    if path is not None:
        nodes = tree(path).body
    else:
        owner = definition(module) if "." in module else None
        nodes = owner.body if isinstance(owner, ast.ClassDef) else []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return next((node for node in nodes if isinstance(node, kinds) and node.name == last), None)


@cache
def uses(name: str) -> frozenset[str]:
    """Full names of this project's functions, and of those of its modules, that a function mentions."""
    node, module = definition(name), name.rpartition(".")[0]
    while path_of(module) is None:
        module = module.rpartition(".")[0]
    known, found = names_in(module), set()
    owner = name.rpartition(".")[0]
    if owner != module:  # a method: what it calls on self belongs to its class
        known = known | {"self": owner}
    for inner in ast.walk(node) if node else ():
        if isinstance(inner, ast.Attribute):
            text = ast.unparse(inner)
            first, _, rest = text.partition(".")
            found |= {f"{known[first]}.{rest}"} if first in known else set()
        elif isinstance(inner, ast.Name) and inner.id in known:
            found.add(known[inner.id])
    return frozenset(found - {name})


def goes_through(name: str) -> bool:
    """Whether a function uses the door, or something that does."""
    seen, left = {name}, [name]
    while left:
        for other in uses(left.pop()) - seen:
            if other.startswith(DOOR):
                return True
            seen.add(other)
            left.append(other)
    return False


def takes_arrays(node: ast.FunctionDef) -> bool:
    """Whether a parameter is an array by its type, or by its name where it may be anything."""
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        text = ast.unparse(argument.annotation) if argument.annotation else ""
        if any(word in text for word in ARRAYS) or ("Any" in text and argument.arg in NAMES):
            return True
    return False


def public() -> dict[str, ast.FunctionDef]:
    """Functions of the faces, of the modules and of the classes that they show, by their full names, that take
    arrays."""
    found: dict[str, ast.FunctionDef] = {}

    def add(name: str) -> None:
        node = definition(name)
        if isinstance(node, ast.FunctionDef) and takes_arrays(node):
            found[name] = node
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_") and takes_arrays(inner):
                found[f"{name}.{inner.name}"] = inner

    for face in FACES:
        for shown in importlib.import_module(face).__all__:
            value = getattr(importlib.import_module(face), shown)
            if isinstance(value, ModuleType):
                path = path_of(value.__name__)
                nodes = tree(path).body if path and path.name != "__init__.py" else []
                for node in nodes:
                    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                        add(f"{value.__name__}.{node.name}")
            elif inspect.isfunction(value) or inspect.isclass(value):
                add(f"{value.__module__}.{value.__name__}")
    return found


def test_every_public_function_that_takes_arrays_goes_through_the_door():
    names = public()
    assert len(names) > 80
    around = sorted(name for name in names if name not in EXCEPTIONS and not goes_through(name))
    assert not around, around
    stale = sorted(name for name in EXCEPTIONS if name not in names or goes_through(name))
    assert not stale, stale
