"""What a page of the explorer shows."""

from typing import Any, NamedTuple

import numpy as np

WITHIN, BEYOND, FAILED = 0, 1, 2  # what became of an evaluation


class Layer(NamedTuple):
    """A value of every cell: a map over the latent space.

    ``kind`` is "truth", "mean", "std" or "probability"; ``campaign`` is the number of the campaign that believes it,
    None where it is nobody's. ``when`` says in words when it was believed.
    """

    title: str
    kind: str
    values: np.ndarray  # (cell)
    unit: str = ""
    campaign: int | None = None
    when: str = ""


class Campaign(NamedTuple):
    """What one campaign asked, in order; ``marks`` are WITHIN, BEYOND (a limit) or FAILED.

    ``kappa`` is the weight of the standard deviation in its acquisition μ + κσ, None where it has another one.
    """

    title: str
    cells: np.ndarray  # (evaluation)
    values: np.ndarray  # (evaluation)
    marks: np.ndarray  # (evaluation)
    initial: int
    kappa: float | None = None


class Points(NamedTuple):
    """Places in the latent space with a meaning of their own, such as the histories of a file."""

    title: str
    z: np.ndarray  # (point, latent)


class Decoder(NamedTuple):
    """A decoder as layers (kernel, bias) with an activation between them; the last one gives physical units.

    Outputs are samples (channels within each) and, where ``log_duration`` is None, the log duration last.
    """

    layers: list[tuple[np.ndarray, np.ndarray]]
    activation: str
    samples: int
    low: np.ndarray  # (channel), −∞ where there is no bound
    high: np.ndarray  # (channel), +∞ where there is none
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    log_duration: float | None
    durations: tuple[float, float]  # shortest and longest


class Preset(NamedTuple):
    """A set-up of the lattice: its attributes by name (``lattices.preset``), its local field, the title of its map."""

    title: str
    attributes: dict[str, Any]
    local_field: np.ndarray  # (component, row, column), model units
    truth: str = ""


class Simulator(NamedTuple):
    """FerroSIM in the page: presets, and the keys of random subsets by what they are called."""

    presets: list[Preset]
    subsets: dict[str, np.ndarray]  # two words of a key each


class Content(NamedTuple):
    """All that a page shows. ``z`` are cells of a regular grid, not necessarily all of them; ``about`` is a sentence.

    Layers and campaigns come in the order of their importance, because the last ones are left out where a page would
    become too large.
    """

    title: str
    about: str
    objective: str
    z: np.ndarray  # (cell, latent)
    support: np.ndarray  # (cell)
    layers: list[Layer]
    campaigns: list[Campaign]
    points: list[Points]
    decoder: Decoder
    simulator: Simulator | None = None
