"""The place where simulator, models and campaigns meet: data sets, figures, and experiments with command lines.

    from experiments.nmf_maps import SMOKE, run  # SMOKE: a small job; Config(...) has all options

    results = run(SMOKE)
    print(results.folder / "report.html")
    print(results.numbers["total_wall_s"], list(results.arrays))  # numbers by name, an xarray.Dataset

``python -m experiments`` lists the experiments, ``python -m experiments.<name> --help`` the options of one.
"""

from importlib import import_module
from typing import Any

from ferro_jax import before_xla

__all__ = ["datasets", "plots"]

before_xla.prepare()


def __getattr__(name: str) -> Any:
    """Import a public module on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'experiments' has no attribute {name!r}; it has {', '.join(__all__)}")
    return import_module(f"experiments.{name}")


def __dir__() -> list[str]:
    return __all__
