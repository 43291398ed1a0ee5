"""Any fit that was saved, from its folder."""

from pathlib import Path

from models.fitted import folder, result
from models.fitted.result import Fitted
from models.fitted_pairs import predicting
from models.fitted_pairs.predicting import Im2Spec

KINDS = {
    result.KIND.name: (result.KIND, Fitted),
    predicting.KIND.name: (predicting.KIND, Im2Spec),
}


def load_fitted(path: Path | str) -> Fitted | Im2Spec:
    """Return a fit from a folder that its ``save`` has written, bit for bit as it was.

    ValueError for a folder without one, or of another version.
    """
    name = folder.kind_of(path)
    if name not in KINDS:
        raise ValueError(f"{path} holds a fit of the kind {name}, known are {', '.join(KINDS)}.")
    kind, of = KINDS[name]
    return of(**folder.read(path, kind))
