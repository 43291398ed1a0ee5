"""Check of pairs of measurements before training, in NumPy."""

import jax
import numpy as np

from ferro_jax import values
from models.data import Pair, admitted


def check_pair(pair: Pair, image: tuple[int, ...], spectrum: tuple[int, ...], *, both: bool = False) -> None:
    """Raise a ValueError for examples whose parts are not of the shapes ``image`` and ``spectrum``, disagree in their
    number, or are not finite where they were measured; with ``both`` also where one of the parts is missing."""
    parts = {"image": (pair.image, image), "spectrum": (pair.spectrum, spectrum)}
    present = {name: np.asarray(part) for name, (part, _) in parts.items() if part is not None}
    if not present or (both and len(present) < 2):
        raise ValueError(f"a pair with {', '.join(present) or 'nothing'}: give the {'image and' * both} spectrum too")
    for name, part in present.items():
        if part.shape[1:] != parts[name][1] or not len(part):
            raise ValueError(
                f"{name} of shape {part.shape}: expected [n {' '.join(map(str, parts[name][1]))}], one example a row"
            )
    rows = {len(leaf) for leaf in jax.tree.leaves(pair)}
    if len(rows) != 1:
        raise ValueError(
            f"the parts of the pair have {sorted(rows)} rows: image, spectrum, label and observed need the same"
        )
    if pair.observed is not None and np.shape(pair.observed)[1:] != (2,):
        raise ValueError(f"observed of shape {np.shape(pair.observed)}: give a row (image, spectrum) for each example")
    observed = np.ones((rows.pop(), 2), bool) if pair.observed is None else np.asarray(pair.observed) > 0
    lost = np.flatnonzero(~(observed & [name in present for name in parts]).any(1))
    if lost.size:
        raise ValueError(
            f"{lost.size} examples have neither image nor spectrum, the first is row {lost[0]}: remove them"
        )
    for column, name in enumerate(parts):
        if name in present:
            rows_of = present[name].reshape(len(observed), -1)
            bad = np.flatnonzero(observed[:, column] & ~np.isfinite(rows_of).all(1))
            if bad.size:
                raise ValueError(
                    f"{bad.size} rows of the {name} hold NaN or infinite values, the first is row {bad[0]}: repair "
                    "them, or say in observed that they were not measured"
                )


def one_pair(pair: Pair) -> Pair:
    """Return the measurements of ONE example; ValueError for values that were measured and are not finite."""
    pair = admitted(pair)
    if values.is_known(pair):
        observed = np.ones(2) if pair.observed is None else np.asarray(pair.observed)
        for name, value, seen in zip(("image", "spectrum"), (pair.image, pair.spectrum), observed, strict=True):
            if value is not None and seen > 0:
                values.check_finite(value, name)
    return pair
