"""A look-up and a linear rule, by scikit-learn, and the error by which learned models are compared with them."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

COMPONENTS, PENALTIES = (20, 50, 100, 150, 200), (1e-2, 1.0, 1e2)


def predict(given: Any, wanted: Any, watched: tuple[Any, Any], test: Any) -> dict[str, Float[np.ndarray, "n out"]]:
    """Predict targets of ``test`` (n, …) from training examples ``given`` and their targets ``wanted``.

    ``nearest`` looks up the nearest training example. ``ridge`` is a ridge regression on principal components; their
    number and the penalty are chosen on the examples and targets ``watched``.
    """
    given, wanted, test = flat(given), flat(wanted), flat(test)
    nearest = KNeighborsRegressor(1, algorithm="brute").fit(given, wanted).predict(test)
    most = min(COMPONENTS[-1], given.shape[1], len(given) - 1)
    pca = PCA(most, svd_solver="covariance_eigh").fit(given)
    parts, parts_watched, parts_test = (pca.transform(flat(values)) for values in (given, watched[0], test))
    best, ridge = np.inf, np.zeros_like(nearest)
    for components in sorted({min(count, most) for count in COMPONENTS}):
        for penalty in PENALTIES:
            rule = Ridge(penalty).fit(parts[:, :components], wanted)
            error = float(np.mean((rule.predict(parts_watched[:, :components]) - flat(watched[1])) ** 2))
            if error < best:
                best, ridge = error, rule.predict(parts_test[:, :components])
    return {"nearest": nearest, "ridge": ridge}


def flat(values: Any) -> np.ndarray:
    """Return examples as rows [n value]."""
    return np.asarray(values).reshape(len(values), -1)


def normalised_mse(predicted: Any, true: Any, mean: Any) -> float:
    """Return Σ(predicted − true)²/Σ(true − mean)², with the mean of the training targets.

    Predicting that mean scores 1; 0 is perfect.
    """
    predicted, true = flat(predicted).astype(float), flat(true).astype(float)
    return float(((predicted - true) ** 2).sum() / ((true - np.ravel(mean)[None]) ** 2).sum())
