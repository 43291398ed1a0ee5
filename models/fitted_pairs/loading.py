"""Any fit that was saved, from its folder."""

from pathlib import Path
from typing import Any

from models.fitted import folder, result
from models.fitted.result import Fitted
from models.fitted_pairs import dual_predicting, predicting
from models.fitted_pairs.dual_predicting import FittedDual
from models.fitted_pairs.predicting import Im2Spec

KINDS = {
    result.KIND.name: (result.KIND, Fitted),
    predicting.KIND.name: (predicting.KIND, Im2Spec),
    dual_predicting.KIND.name: (dual_predicting.KIND, FittedDual),
}


def load_fitted(path: Path | str) -> Any:
    """Return a fit (Fitted, Im2Spec or FittedDual) from a folder that its ``save`` has written, bit for bit as it was.

    ValueError for a folder without one, or of another version.
    """
    name = folder.kind_of(path)
    if name not in KINDS:
        raise ValueError(f"{path} holds a fit of the kind {name}, known are {', '.join(KINDS)}.")
    kind, of = KINDS[name]
    return of(**folder.read(path, kind))
