"""Spectra factorised into non-negative components by scikit-learn, weighted for counts, and their number chosen."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from ferro_jax import values
from models.fitted.progress import Line

FOLDS = 3
KEPT = 0.9  # share of the counts that are factorised; the others choose the number
ROWS = 3000  # spectra, at most, from which the number is chosen
POISSON = (0.7, 1.5)  # residual over Poisson variance between which whole numbers are taken for counts
FEWEST = 100  # counts, below which nothing can be chosen


class Factors(NamedTuple):
    """Spectra ≈ loading @ component, by falling share of the intensity.

    Each ``component`` [k channel] has the largest value 1; ``loading`` [*place k] is in the spectra's units, NaN where
    a spectrum was missing. ``share`` [k] is that of the whole intensity, ``error`` the Frobenius norm of the residual
    relative to that of the spectra. ``counts`` says that spectra were taken for counts, and ``choice`` how the number
    of components was chosen, None where it was given.
    """

    component: Float[np.ndarray, "k channel"]
    loading: Float[np.ndarray, "*place k"]
    share: Float[np.ndarray, " k"]
    error: float
    counts: bool
    choice: "Choice | None" = None


class Choice(NamedTuple):
    """Numbers of components ``tried``, their ``error`` on what was held out in each fold, and the number ``chosen``.

    The error is the relative Frobenius norm of the residual; of counts it is half their deviance for each spectrum,
    without the terms that do not depend on the model.
    """

    tried: Int[np.ndarray, " k"]
    error: Float[np.ndarray, "k fold"]
    chosen: int


def fit_nmf(
    spectra: Any,
    components: int = 0,
    *,
    most: int = 12,
    counts: bool | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Factors:
    """Factorise spectra [*place channel] into ``components`` non-negative ones; 0: the number chosen of 1 to ``most``.

    ``counts``: True weights spectra and channels by their Poisson noise (Keenan and Kotula, Surf. Interface Anal. 36,
    203, 2004) and chooses the number by counts that were held out; False weights all values alike. None decides:
    whole numbers whose residual is about Poisson's are counts; grey levels of a camera are not. With one count a
    channel or fewer, components that look alike are taken for one. ``progress`` shows a line with the time left while
    the number is chosen.
    Spectra with a missing value (NaN, or masked) are left out. ValueError for spectra that are negative, infinite, all
    zero or of too few counts, and for more components than spectra or channels.
    """
    table, place, known = _table(spectra)
    components, seed = values.whole(components, "components", 0), values.whole(seed, "seed", 0)
    most = min(values.whole(most, "most", 1), *table.shape)
    if components:
        check(table, components)
    counts = is_counts(table, min(components or most, *table.shape)) if counts is None else counts
    choice = None
    if not components:
        line = Line("fit_nmf", most * FOLDS, piece="factorisation", first="begins") if progress else None
        show = None if line is None else line.show
        choice = choose(table, range(1, most + 1), np.random.default_rng(seed), counts=counts, progress=show)
        if line is not None:
            line.end(f"{choice.chosen} of at most {most} components")
    found = factorise(table, choice.chosen if choice else components, counts=counts)
    loading = np.full((len(known), len(found.share)), np.nan)
    loading[known] = found.loading
    return found._replace(loading=loading.reshape(*place, -1), choice=choice)


def factorise(
    spectra: Float[np.ndarray, "n channel"], components: int, *, counts: bool = False, iterations: int = 400
) -> Factors:
    """Factorise a table of spectra, starting from NNDSVD, without a seed: the same spectra give the same components.

    ValueError for spectra that are negative or not finite, and for a number of components beyond their rank.
    """
    check(spectra, components)
    unit = 1.0 if counts else _unit(spectra)
    spectra = spectra / unit
    loading, component = (_weighted if counts else _plain)(spectra, components, iterations)
    top = np.maximum(component.max(1), 1e-30)
    component, loading = component / top[:, None], loading * top[None]
    share = loading.sum(0) * component.sum(1)
    order = np.argsort(-share)
    error = np.linalg.norm(spectra - loading @ component) / np.linalg.norm(spectra)
    share = share[order] / max(share.sum(), 1e-30)
    return Factors(component[order], unit * loading[:, order], share, float(error), counts)


def _unit(spectra: np.ndarray) -> float:
    """Return the power of 2 nearest to the mean, by which spectra are divided, because NNDSVD fills the zeros of both
    factors with the mean of the spectra: far from 1 it is far from the other numbers of a factor."""
    largest = float(spectra.max())
    return 2.0 ** round(float(np.log2(largest) + np.log2(np.mean(spectra / largest))))


def _plain(spectra: np.ndarray, components: int, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings and components of least squares, without the warning that iterations have ended."""
    options: dict[str, Any] = {"n_components": components, "init": "nndsvda", "max_iter": iterations, "tol": 1e-4}
    rule = NMF(**options, solver="cd", random_state=0)  # a seed, because the start is a random SVD
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return rule.fit_transform(spectra), rule.components_


def _weighted(spectra: np.ndarray, components: int, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return loadings and components of least squares in units of Poisson noise: √(mean spectrum · mean channel)."""
    row, column = np.sqrt(spectra.mean(1)), np.sqrt(spectra.mean(0))
    rows, columns = row > 0, column > 0
    table = spectra[rows][:, columns] / row[rows, None] / column[None, columns]
    fitted = _plain(table, min(components, *table.shape), iterations)
    loading, component = np.zeros((len(row), fitted[0].shape[1])), np.zeros((fitted[0].shape[1], len(column)))
    loading[rows], component[:, columns] = fitted[0] * row[rows, None], fitted[1] * column[None, columns]
    return loading, component


def choose(
    spectra: Float[np.ndarray, "n channel"],
    tried: Sequence[int],
    generator: np.random.Generator,
    *,
    counts: bool = False,
    kept: float = KEPT,
    progress: Callable[[int], None] | None = None,
) -> Choice:
    """Choose the number of components of a table of spectra, of which at most ROWS, drawn at random, are used.

    Of counts each is kept with the probability ``kept``. Kept counts and the others are independent, so the factors of
    the ones are scored on the others (data thinning: Neufeld et al., J. Mach. Learn. Res. 25, 57, 2024), and the number
    of the smallest error is chosen. Other spectra are cut into blocks (``_blocks``); chosen is the smallest number
    whose error is within one standard error of the best. ``progress`` is called with the number of factorisations done,
    of len(tried) · FOLDS.
    """
    check(spectra, max(tried))
    spectra = spectra[generator.permutation(len(spectra))[:ROWS]].astype(np.float64)
    if counts:
        if spectra.sum() < FEWEST:
            few = f"{spectra.sum():g} counts in {len(spectra)} spectra"
            raise ValueError(f"{few} are too few to choose the number of components: give components=")
        error = _thinned(spectra, tried, generator, kept, progress)
        return Choice(np.asarray(tried), error, int(tried[int(error.mean(1).argmin())]))
    error = _blocks(spectra, tried, generator, progress)
    mean, best = error.mean(1), int(error.mean(1).argmin())
    spread = error[best].std(ddof=1) / np.sqrt(FOLDS)
    return Choice(np.asarray(tried), error, int(tried[int(np.flatnonzero(mean <= mean[best] + spread)[0])]))


def is_counts(spectra: Float[np.ndarray, "n channel"], components: int) -> bool:
    """Return whether spectra are counts: whole numbers whose residual from ``components`` is about Poisson's."""
    if not (spectra == np.round(spectra)).all():
        return False
    if spectra.sum() < FEWEST:
        return True  # too few to tell
    model = _product(factorise(spectra, components, counts=True, iterations=100), spectra)
    freedom = spectra.size - components * (sum(spectra.shape) - components)
    dispersion = float(np.sum((spectra - model) ** 2 / model) / max(freedom, 1))
    return POISSON[0] < dispersion < POISSON[1]


def check(spectra: np.ndarray, components: int) -> None:
    """Raise a ValueError for spectra that cannot be factorised."""
    if (spectra < 0).any():
        raise ValueError(
            f"{int((spectra < 0).sum())} values are below zero, the lowest is {spectra.min():g}: set "
            "them to zero or add an offset, because components of zero or more cannot add up to them"
        )
    if spectra.ndim != 2 or not np.isfinite(spectra).all():
        raise ValueError(f"spectra of shape {spectra.shape}: expected a table [n channels] of finite numbers")
    if not spectra.any():
        raise ValueError("all spectra are zero: there is nothing to factorise")
    if not 1 <= components <= min(spectra.shape):
        raise ValueError(f"{components} components of spectra {spectra.shape}: give 1 to {min(spectra.shape)}")


def _table(spectra: Any) -> tuple[np.ndarray, tuple[int, ...], np.ndarray]:
    """Return known spectra [n channel] in double precision, the shape of the places, and which of them are known."""
    given = spectra if hasattr(spectra, "dtype") else getattr(spectra, "values", spectra)
    table, shown = values.masked(given, "spectra")
    table = np.asarray(table, float) if shown is None else np.where(shown, table, np.nan)
    if table.ndim < 2:
        raise ValueError(f"spectra of shape {table.shape}: expected [n channel] or [y x channel]")
    if not table.size:
        raise ValueError(f"spectra of shape {table.shape} hold no value: give [n channel] or [y x channel]")
    flat = table.reshape(-1, table.shape[-1])
    missing = np.isnan(flat)
    known = np.asarray(~missing.any(1))
    if not known.any():
        share = missing.mean(0)
        worst = np.flatnonzero(share == share.max())
        which = ", ".join(map(str, worst[:5].tolist())) + f" and {len(worst) - 5} more" * (len(worst) > 5)
        raise ValueError(
            f"every spectrum has a missing value, most often in channel {which} (counted from 0; in "
            f"{100 * share.max():.0f} % of the spectra): leave such channels out, np.delete(spectra, channels, -1)"
        )
    if not known.all():
        left = f"{int((~known).sum())} of {len(known)} spectra have missing values and are left out"
        warnings.warn(f"{left}: their loadings are NaN.", UserWarning, stacklevel=3)
    return flat[known], table.shape[:-1], known


def _thinned(
    spectra: np.ndarray,
    tried: Sequence[int],
    generator: np.random.Generator,
    kept: float,
    progress: Callable[[int], None] | None,
) -> np.ndarray:
    """Return errors (tried, fold) of the factors of a share ``kept`` of the counts on the others."""
    error = np.zeros((len(tried), FOLDS))
    for fold in range(FOLDS):
        chosen = generator.binomial(spectra.astype(np.int64), kept).astype(float)
        others = spectra - chosen
        for at, components in enumerate(tried):
            rate = _product(factorise(chosen, components, counts=True, iterations=200), chosen) * (1 - kept) / kept
            error[at, fold] = np.mean((rate - others * np.log(rate)).sum(1))
            if progress is not None:
                progress(fold * len(tried) + at + 1)
    return error


def _product(factors: Factors, spectra: np.ndarray) -> np.ndarray:
    """Return loading @ component, at least a thousandth of the mean of the spectra, because rates are not zero."""
    return np.maximum(factors.loading @ factors.component, 1e-3 * spectra.mean())


def _blocks(
    spectra: np.ndarray,
    tried: Sequence[int],
    generator: np.random.Generator,
    progress: Callable[[int], None] | None,
) -> np.ndarray:
    """Return relative errors (tried, fold) of bi-cross-validation (Owen and Perry, Ann. Appl. Stat. 3, 564, 2009).

    Spectra and channels are cut into random groups. For each pair of groups the spectra and channels in neither are
    factorised; non-negative least squares extend the factors to the held-out channels and to the held-out spectra, and
    their product predicts the held-out block.
    """
    spectra = spectra / _unit(spectra)
    row, column = (generator.permutation(count) % FOLDS for count in spectra.shape)
    extend = LinearRegression(positive=True, fit_intercept=False)
    errors = np.zeros((len(tried), FOLDS))
    for fold in range(FOLDS):
        out, away = row == fold, column == fold
        known, wanted = spectra[~out][:, ~away], spectra[out][:, away]
        if not known.any() or not wanted.any():
            raise ValueError("too few values are above zero to choose the number of components: give components=")
        for at, components in enumerate(tried):
            factors = factorise(known, min(components, *known.shape), iterations=200)
            channels = extend.fit(factors.loading, spectra[~out][:, away]).coef_.T  # [k held-out channels]
            loading = extend.fit(factors.component.T, spectra[out][:, ~away].T).coef_
            errors[at, fold] = np.linalg.norm(wanted - loading @ channels) / np.linalg.norm(wanted)
            if progress is not None:
                progress(fold * len(tried) + at + 1)
    return errors
