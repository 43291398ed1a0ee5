"""FerroSIM's presets as the page simulates them, from the attributes that a run has saved."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments.lab.keys import Keys

KNOWN = {  # values of options that ferrosim.js and curl.js know
    "boundary": ("open", "periodic", "grounded"),
    "update": ("random_subset", "synchronous"),
    "curl_boundary": ("open", "periodic"),
    "curl_x_axis": ("row", "column"),
    "axes": ("xy",),
    "field_axis": ("x",),
    "thermal": (0,),
}
SETTLE = ("tolerance", "chunk", "limit")
MOST_SITES = 1600  # of which one sort draws a subset


def preset(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a set-up by the names of its attributes in ``results.nc`` (``lattices.setups.attributes``).

    ValueError for one that the page cannot simulate.
    """
    start = f"{name}_"
    found = {key.removeprefix(start): _plain(value) for key, value in attributes.items() if key.startswith(start)}
    for option, values in KNOWN.items():
        if found[option] not in values:
            raise ValueError(f"the explorer simulates {option} {' or '.join(map(str, values))}, found {found[option]}")
    if np.prod(found["shape"]) > MOST_SITES:
        raise ValueError(f"the explorer simulates up to {MOST_SITES} sites, found {found['shape']}")
    found["clip"] = None if found["clip"] == "none" else found["clip"]
    settles = "settle_tolerance" in found
    return found | {"settle": {key: found[f"settle_{key}"] for key in SETTLE} if settles else None}


def _plain(value: Any) -> Any:
    """Return a number, a list or words without NumPy's types."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def subset_keys(keys: Keys, titles: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the two words of a key for each title, from the names of keys by title."""
    return {title: np.asarray(jax.random.key_data(keys[name]), np.uint32) for title, name in titles.items()}
