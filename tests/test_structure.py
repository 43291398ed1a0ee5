"""Which package may import which, where packages resolve, what starts without JAX."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "ferro_jax": set(),
    "models": set(),
    "bo": {"models.training.loop", "models.features"},
    "experiments": {"ferro_jax", "models", "bo"},
}


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_in_the_agreed_direction(package):
    for path in (ROOT / package).rglob("*.py"):
        for module in imported_modules(path):
            ours = module.split(".")[0] in ALLOWED and module.split(".")[0] != package
            allowed = any((module + ".").startswith(name + ".") for name in ALLOWED[package])
            assert not ours or allowed, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("package", ALLOWED)
def test_package_names_resolve_inside_this_project(package):
    file = importlib.import_module(package).__file__
    assert file is not None and Path(file).is_relative_to(ROOT)


def test_help_and_listing_need_no_jax():
    """JAX takes seconds to import: ``--help`` must not."""
    code = (
        "import sys\n"
        "import experiments.__main__ as listing\n"
        "names = listing.listing()\n"
        "assert 'latent_bo' in names and all(names.values())\n"
        "import importlib\n"
        "for name in names:\n"
        "    experiment = importlib.import_module(f'experiments.{name}').EXPERIMENT\n"
        "    try: experiments.lab.harness.main(experiment, ['--help'])\n"
        "    except SystemExit as end: assert end.code in (0, None)\n"
        "assert 'jax' not in sys.modules and 'gpjax' not in sys.modules\n"
    )
    code = code.replace("import sys\n", "import sys, experiments.lab.harness\n", 1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


def test_packages_do_not_start_the_xla_backend():
    """``import gpjax`` starts XLA, after which device counts and distributed start-up can no longer be set."""
    code = (
        "import ferro_jax, models, bo, sys\n"
        "assert 'gpjax' not in sys.modules\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
