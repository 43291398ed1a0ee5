"""Which test files lead to a module, by what they import: the nearest first, then the quickest."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

PACKAGES = ("ferro_jax", "bo", "models", "experiments")
ROOMS = {
    "ferro_jax": ("test_ferro", "test_values", "test_saved", "test_hdf5"),
    "bo": ("test_bo", "test_values", "test_saved"),
    "models": ("test_models", "test_histories", "test_latent", "test_values", "test_saved"),
}
RUN_BY = {"ferro_jax.hdf5_walk": "ferro_jax.hdf5"}  # a program of its own, which the other starts
UNKNOWN = 15.0  # seconds of a test file whose time is not known
NOT_THESE = ("test_structure", "test_values_structure", "test_engines", "test_before_xla", "test_documentation")


class Tests:
    """Test files by the modules that they lead to.

    A name of a face (``bo.run``) leads to the module that it comes from. Tests that read the source are left out.
    """

    def __init__(self, root: Path, times: Path | None):
        self.root = root
        self.homes = {face: _homes(root / face) for face in ("ferro_jax", "bo", "models", "models/histories")}
        self.modules = {
            _name(path.relative_to(root)): path for name in PACKAGES for path in (root / name).rglob("*.py")
        }
        self.leads = {name: self._led_to(path) for name, path in self.modules.items()}
        paths = [path for path in sorted((root / "tests").glob("test_*.py")) if path.stem not in NOT_THESE]
        self.distances = {path: self._distances(path) for path in paths}
        self.times = _times(times)

    def of(self, file: str, seconds: float) -> tuple[str, ...]:
        """Return the test files that lead to a module, for so many seconds in all; at least one, where there is any."""
        module = RUN_BY.get(_name(Path(file)), _name(Path(file)))
        leading = [path for path, distances in self.distances.items() if module in distances]
        ours = [path for path in leading if path.name.startswith(ROOMS[module.split(".")[0]])] or leading
        found = sorted(
            (self.distances[path][module], self.times.get(path.stem, UNKNOWN), f"tests/{path.name}") for path in ours
        )
        chosen, total = [], 0.0
        for *_, cost, name in found:
            if not chosen or total + cost <= seconds:
                chosen.append(name)
                total += cost
        return tuple(chosen)

    def _distances(self, test: Path) -> dict[str, int]:
        """Return how many imports lie between a test file and each module that it leads to."""
        distances: dict[str, int] = {}
        edge, far = self._led_to(test), 0
        while edge:
            distances |= dict.fromkeys(edge, far)
            edge = {name for each in edge for name in self.leads[each]} - distances.keys()
            far += 1
        return distances

    def _led_to(self, path: Path) -> set[str]:
        """Return the modules that a file imports, or takes from a face; those of helpers as if they were its own."""
        found: set[str] = set()
        for name in _mentioned(path):
            parts = name.split(".")
            if parts[0] == "helpers":
                helper = self.root / "tests" / "helpers" / f"{parts[1] if len(parts) > 1 else ''}.py"
                found |= self._led_to(helper) if helper.is_file() and helper != path else set()
            elif parts[0] in PACKAGES:
                found |= set(self._module_of(parts))
        return found

    def _module_of(self, parts: list[str]) -> Iterator[str]:
        """Yield the module from which a dotted name comes."""
        for face, homes in self.homes.items():
            face = face.split("/")
            if parts[: len(face)] == face and len(parts) > len(face) and (home := homes.get(parts[len(face)])):
                yield from (name for name in (home, f"{home}.{parts[len(face)]}") if name in self.modules)
        for count in range(len(parts), 1, -1):
            if (name := ".".join(parts[:count])) in self.modules:
                yield name
                return


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _homes(face: Path) -> dict[str, str]:
    """Return the module of each public name of a face, as the imports for type checkers in it say."""
    found = {}
    for node in ast.walk(ast.parse((face / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            found |= {each.asname or each.name: node.module for each in node.names}
    return found


def _mentioned(path: Path) -> Iterable[str]:
    """Return the dotted names of imports of a file, and of what it takes from modules that it imports."""
    tree, found, aliases = ast.parse(path.read_text()), set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                aliases[each.asname or each.name] = f"{node.module}.{each.name}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                aliases[each.asname or each.name.split(".")[0]] = each.name if each.asname else each.name.split(".")[0]
                found.add(each.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found.add(f"{aliases[node.value.id]}.{node.attr}")
    return found | set(aliases.values())


def _times(path: Path | None) -> dict[str, float]:
    """Return the seconds of each test file, as pytest's JUnit file has them."""
    total: Counter[str] = Counter()
    for case in ElementTree.parse(path).getroot().iter("testcase") if path else ():
        total[case.get("classname", "").split(".")[1]] += float(case.get("time", 0))
    return dict(total)
