"""Ensembles: many fits in one program, the best of some restarts, and a guide to the number of classes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ferro_jax import values
from models.data import Batch, Data, as_data, check, count, take
from models.evaluation.alignment import align, aligned, consensus
from models.evaluation.latent import encode_all, negative_elbo
from models.training.config import FitConfig
from models.training.epochs import Progress
from models.training.loop import fit, fit_split, split_rows
from models.types import FitHistory, Model, Params


def fit_ensemble(
    keys: jax.Array, model: Model, data: Data, config: FitConfig, *, progress: Progress | None = None
) -> tuple[Params, FitHistory]:
    """Train a member for every key, as one program: parameters and history with a leading axis of members.

    Member i is the single fit with ``keys[i]``, up to the rounding of batched matrix products, which training
    amplifies. Members differ in initial weights, order, noise and held-out rows; the data are shared, not copied. Not
    jitted: ``jax.jit(lambda keys: fit_ensemble(keys, model, data, config))(keys)``.
    """
    data = check(model, data)
    return jax.vmap(lambda key: fit(key, model, data, config, progress=progress))(values.key(keys, "keys"))


class Restarts(NamedTuple):
    """The best of several fits: its parameters and history, its number, and the held-out −ELBO of each (nats per
    example, NaN for one that blew up)."""

    params: Params
    history: FitHistory
    chosen: Int[Array, ""]
    negative_elbo: Float[Array, " start"]


def restarts(
    key: jax.Array, starts: int, model: Model, data: Data, config: FitConfig, *, samples: int = 4, search: bool = False
) -> Restarts:
    """Train ``starts`` times on the same training rows, in one program, and keep the fit with the best held-out bound.

    The bound is that of the same held-out rows, averaged over ``samples`` draws with the same noise. Nothing else
    decides; labels of a joint model do not. ``search`` evaluates the bound with the test-time search of models that
    have one. Pure and not jitted. ValueError for ``starts`` below one and for data that cannot be trained on.
    """
    if starts < 1:
        raise ValueError(f"starts={starts}: give one or more.")
    data = as_data(check(model, data))
    to_split, to_fits, to_bound = jax.random.split(values.key(key), 3)
    rows, held = split_rows(to_split, count(data), config)
    training, validation = take(data, rows), take(data, held)
    params, history = jax.vmap(lambda key: fit_split(key, model, training, validation, config))(
        jax.random.split(to_fits, starts)
    )

    chosen, bounds = best_of(to_bound, model, params, validation, samples=samples, search=search)
    best, best_history = jax.tree.map(lambda leaf: leaf[chosen], (params, history))
    return Restarts(best, best_history, chosen, bounds)


def best_of(
    key: jax.Array, model: Model, params: Params, held_out: Data, *, samples: int = 4, search: bool = False
) -> tuple[Int[Array, ""], Float[Array, " start"]]:
    """Return the fit with the best bound on ``held_out``, and −ELBO of each (nats per example, the same noise for all).

    ``params`` has a leading axis of fits. One that blew up is never the best.
    """

    def bound(params: Params) -> jax.Array:
        return negative_elbo(key, model, params, held_out, samples=samples, search=search)

    bounds = lax.map(bound, params)
    return jnp.argmin(jnp.where(jnp.isfinite(bounds), bounds, jnp.inf)), bounds


def class_probabilities(
    model: Model, params: Params, data: Data, *, chunk: int = 500, search: bool = False
) -> Float[Array, "member n classes"]:
    """Return q(class | x) of every member for every example; labels of ``data`` are not used.

    ``params`` has a leading axis of members. ValueError for a model without classes.
    """
    given = as_data(data)
    batch = given._replace(label=None) if isinstance(given, Batch) else Batch(given)

    def of_member(params: Params) -> jax.Array:
        code = encode_all(model, params, batch, chunk=chunk, search=search)
        if code.probabilities is None:
            raise ValueError("this model has no classes: take one with class_mode 'joint' or 'semi_supervised'.")
        return code.probabilities

    return lax.map(of_member, params)


class ClassGuide(NamedTuple):
    """What ensembles say about the number of classes: one row per number that was tried.

    ``disagreement`` = mean over examples of H(mean) − mean H, divided by ln K; ``dispersion`` = mean H(mean)/ln K,
    which also counts members that are unsure themselves; ``std`` of the probabilities over members. ``stability``
    (mean) and ``least_stable`` over classes, a class that no member uses counts 0; ``used`` = classes with at least
    half a percent of the examples. ``negative_elbo`` per member, nats per example on ``held_out``.
    """

    classes: Int[np.ndarray, " row"]
    disagreement: Float[np.ndarray, " row"]
    dispersion: Float[np.ndarray, " row"]
    std: Float[np.ndarray, " row"]
    stability: Float[np.ndarray, " row"]
    least_stable: Float[np.ndarray, " row"]
    used: Int[np.ndarray, " row"]
    negative_elbo: Float[np.ndarray, "row member"]


def class_guide(
    key: jax.Array,
    make_model: Callable[[int], Model],
    data: Data,
    held_out: Data,
    config: FitConfig,
    *,
    classes: Sequence[int] = range(2, 9),
    members: int = 8,
    search: bool = False,
    progress: Callable[[int], None] | None = None,
    keep: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
) -> ClassGuide:
    """Train an ensemble of ``make_model(K)`` for every K in ``classes``, and say how well its members agree.

    Where members agree, K separates the data well; where they do not, classes are split or merged by chance. All
    numbers are of ``held_out``. One compilation per K, so this function jits. ``progress(K)`` is called after each.
    ``keep(function)`` returns the function that trains and judges one ensemble as one that keeps its results, so that a
    guide that was interrupted goes on. ValueError for fewer than two classes or members.
    """
    if min(classes) < 2 or members < 2:
        raise ValueError(f"classes={tuple(classes)}, members={members}: give two classes and two members or more.")
    row_of, rows = keep(_of_number) if keep else _of_number, []
    for own_key, number in zip(jax.random.split(key, len(classes)), classes, strict=True):
        model = make_model(number)
        row = row_of(own_key, model, check(model, data), as_data(held_out), config, members, search)
        rows.append({"classes": number, **row})
        if progress is not None:
            progress(number)
    return ClassGuide(**{name: np.asarray([row[name] for row in rows]) for name in ClassGuide._fields})


def _of_number(
    key: jax.Array, model: Model, data: Data, held_out: Data, config: FitConfig, members: int, search: bool
) -> dict[str, Any]:
    """Train an ensemble of one number of classes, and return the entries of its row but that number."""
    to_fits, to_bound = jax.random.split(key)
    fit_all = jax.jit(lambda keys, data: fit_ensemble(keys, model, data, config))
    params, _ = fit_all(jax.random.split(to_fits, members), as_data(data))

    def judge(key: jax.Array, params: Params, data: Data) -> tuple[jax.Array, jax.Array]:
        bound = lax.map(lambda member: negative_elbo(key, model, member, data, search=search), params)
        return bound, class_probabilities(model, params, data, search=search)

    bound, probabilities = jax.device_get(jax.jit(judge)(to_bound, params, held_out))
    return _guide_row(probabilities, bound)


def _guide_row(probabilities: np.ndarray, bound: np.ndarray) -> dict[str, Any]:
    """Return the entries of a ClassGuide, from the probabilities [member n class] of the members."""
    ours = consensus(aligned(probabilities, align(probabilities)))
    classes = probabilities.shape[2]
    stability, width = np.nan_to_num(ours.stability), np.log(classes)
    return {
        "disagreement": ours.disagreement.mean() / width,
        "dispersion": ours.total.mean() / width,
        "std": ours.std.mean(),
        "stability": stability.mean(),
        "least_stable": stability.min(),
        "used": np.sum(np.bincount(ours.mean.argmax(1), minlength=classes) >= 0.005 * len(ours.mean)),
        "negative_elbo": bound,
    }
