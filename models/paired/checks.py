"""Two measurements of the same objects, images and spectra: what models from structure to property are trained on."""

import jax
import numpy as np

from models.data import Pair


def check_pair(pair: Pair, image: tuple[int, ...], spectrum: tuple[int, ...], *, both: bool = False) -> None:
    """ValueError, in NumPy and before training, for examples whose parts are not of these shapes, disagree in their
    number, or are not finite where they were measured; with ``both`` also where one of them is missing."""
    parts = {"image": (pair.image, image), "spectrum": (pair.spectrum, spectrum)}
    present = {name: np.asarray(values) for name, (values, _) in parts.items() if values is not None}
    if not present or (both and len(present) < 2):
        raise ValueError(f"a pair with {', '.join(present) or 'nothing'}: give the {'image and' * both} spectrum too")
    for name, values in present.items():
        if values.shape[1:] != parts[name][1] or not len(values):
            raise ValueError(
                f"{name} of shape {values.shape}: expected [n {' '.join(map(str, parts[name][1]))}], one example a row"
            )
    rows = {len(leaf) for leaf in jax.tree.leaves(pair)}
    if len(rows) != 1:
        raise ValueError(
            f"the parts of the pair have {sorted(rows)} rows: image, spectrum, label and seen need the same"
        )
    if pair.seen is not None and np.shape(pair.seen)[1:] != (2,):
        raise ValueError(f"seen of shape {np.shape(pair.seen)}: give a row (image, spectrum) for each example")
    seen = np.ones((rows.pop(), 2), bool) if pair.seen is None else np.asarray(pair.seen) > 0
    lost = np.flatnonzero(~(seen & [name in present for name in parts]).any(1))
    if lost.size:
        raise ValueError(
            f"{lost.size} examples have neither image nor spectrum, the first is row {lost[0]}: remove them"
        )
    for column, name in enumerate(parts):
        if name in present:
            values = present[name].reshape(len(seen), -1)
            bad = np.flatnonzero(seen[:, column] & ~np.isfinite(values).all(1))
            if bad.size:
                raise ValueError(
                    f"{bad.size} rows of the {name} hold NaN or infinite values, the first is row {bad[0]}: repair "
                    "them, or say in seen that they were not measured"
                )
