"""Factorise spectra into non-negative components by scikit-learn, and choose their number."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression


class Components(NamedTuple):
    """Factors of spectra ≈ loading @ component, by falling share of the intensity.

    Each ``component`` [k e] has the largest value 1; ``loading`` [n k] is in the spectra's units. ``error`` is the
    Frobenius norm of the residual relative to that of the spectra.
    """

    component: Float[np.ndarray, "k e"]
    loading: Float[np.ndarray, "n k"]
    share: Float[np.ndarray, " k"]
    error: float


def factorise(spectra: Float[np.ndarray, "n e"], components: int, *, iterations: int = 400) -> Components:
    """Factorise spectra, starting from NNDSVD, without a seed: the same spectra give the same components.

    ValueError for spectra that are negative or not finite, and for a number of components beyond their rank.
    """
    _check(spectra, components)
    rule = NMF(components, init="nndsvda", max_iter=iterations, tol=1e-4, solver="cd")  # pyright: ignore[reportArgumentType]
    loading, component = _quietly(rule, spectra)
    top = np.maximum(component.max(1), 1e-30)
    component, loading = component / top[:, None], loading * top[None]
    share = loading.sum(0) * component.sum(1)
    order = np.argsort(-share)
    error = np.linalg.norm(spectra - loading @ component) / np.linalg.norm(spectra)
    return Components(component[order], loading[:, order], share[order] / max(share.sum(), 1e-30), float(error))


class Rank(NamedTuple):
    """Numbers of components ``tried``, ``error`` of held-out blocks relative to their norm, and the number chosen."""

    tried: Int[np.ndarray, " k"]
    error: Float[np.ndarray, "k fold"]
    chosen: int


def choose(
    spectra: Float[np.ndarray, "n e"], tried: range, generator: np.random.Generator, *, folds: int = 3, rows: int = 3000
) -> Rank:
    """Choose the number of components by bi-cross-validation (Owen & Perry, Ann. Appl. Stat. 3, 564 (2009)).

    Spectra and channels are cut into ``folds`` random groups. For each pair of groups the spectra and channels in
    neither are factorised; non-negative least squares extend the factors to the held-out channels and to the held-out
    spectra, and their product predicts the held-out block. Chosen is the smallest number whose mean error is within one
    standard error of the best. At most ``rows`` spectra, drawn at random, are used.
    """
    _check(spectra, max(tried))
    spectra = spectra[generator.permutation(len(spectra))[:rows]].astype(np.float64)
    row, column = (generator.permutation(count) % folds for count in spectra.shape)
    extend = LinearRegression(positive=True, fit_intercept=False)
    errors = np.zeros((len(tried), folds))
    for fold in range(folds):
        out, away = row == fold, column == fold
        known, wanted = spectra[~out][:, ~away], spectra[out][:, away]
        for at, components in enumerate(tried):
            factors = factorise(known, components, iterations=200)
            channels = extend.fit(factors.loading, spectra[~out][:, away]).coef_.T  # [k held-out channels]
            loading = extend.fit(factors.component.T, spectra[out][:, ~away].T).coef_
            errors[at, fold] = np.linalg.norm(wanted - loading @ channels) / np.linalg.norm(wanted)
    mean, spread = errors.mean(1), errors.std(1, ddof=1) / np.sqrt(folds)
    best = int(mean.argmin())
    chosen = int(np.flatnonzero(mean <= mean[best] + spread[best])[0])
    return Rank(np.asarray(tried), errors, int(tried[chosen]))


def _check(spectra: np.ndarray, components: int) -> None:
    """Raise a ValueError for spectra that cannot be factorised."""
    if spectra.ndim != 2 or not np.isfinite(spectra).all() or (spectra < 0).any():
        raise ValueError(
            f"spectra of shape {spectra.shape}: expected a table [n channels] of finite numbers of zero or more"
        )
    if not spectra.any():
        raise ValueError("all spectra are zero: there is nothing to factorise")
    if not 1 <= components <= min(spectra.shape):
        raise ValueError(f"{components} components of spectra {spectra.shape}: give 1 to {min(spectra.shape)}")


def _quietly(rule: object, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fitted loadings and components, without the warning that iterations have ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        loading = rule.fit_transform(spectra)  # pyright: ignore[reportAttributeAccessIssue]
    return loading, rule.components_  # pyright: ignore[reportAttributeAccessIssue]
