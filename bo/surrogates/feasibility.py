"""A model of which evaluations succeed: a Gaussian process on labels +1 and −1, with a logistic likelihood.

P(success at x) = σ(f(x)), with f a process of constant mean whose posterior is approximated by a Gaussian at its mode
(Laplace's approximation; Rasmussen & Williams 2006, sections 3.4 and 5.5.1). Rows of label 0 are empty. The programs
are kept small, because every campaign compiles them and most never fail: one loop of Newton steps in each function, and
a search without gradients for the hyperparameters.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from bo.numerics.linalg import inverse_factor
from bo.numerics.members import one_after_another
from bo.space import Space
from bo.surrogates import kernels
from bo.surrogates.hyperparameters import Layout, layout

NEWTON_STEPS = 30
TURNS = 12  # trials of each hyperparameter in one fit
VARIANCE = (3.0, 1.0)  # prior of the latent function's variance: of its logarithm, location and scale


class Mode(NamedTuple):
    """The mode of the latent values, and what evidence and predictions need of it."""

    latent: Float[Array, "n"]
    weights: Float[Array, "n"]  # K⁻¹ (f − mean), the gradient of log p(labels | f) at the mode
    root: Float[Array, "n"]  # √W, W = −∂² log p / ∂f²
    inverse: Float[Array, "n n"]  # L⁻¹, L the Cholesky factor of I + √W K √W
    mean: Float[Array, ""]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["theta", "weights", "explained", "mean"],
    meta_fields=["kernel"],
)
@dataclass(frozen=True)
class Classifier:
    """The model conditioned on labels, as prediction needs it; of a row without a label all is 0.

    ``kernel`` is an expression (``bo.surrogates.kernels``). It is no leaf of the tree, because programs are compiled
    for it.
    """

    theta: Any  # F["p"]: hyperparameters, unconstrained
    weights: Any  # F["n"]
    explained: Any  # F["n n"]: L⁻¹ √W, to be multiplied with k(X, x)
    mean: Any  # F[""]
    kernel: str


class Search(NamedTuple):
    """The state of a search for hyperparameters: the best so far, and the next step along each axis."""

    theta: Float[Array, "p"]
    value: Float[Array, ""]
    mode: Mode
    step: Float[Array, "p"]
    turn: Int[Array, ""]


def kernel_of(space: Space | None) -> str:
    """Return the kernel of the latent function: that of the space where it has categories, else Matérn's."""
    return space.kernel() if space is not None and space.columns("category") else "matern52"


def unlabelled(kernel: str, rows: int, dim: int, dtype: Any) -> Classifier:
    """Return the classifier of no labels, with room for ``rows`` of them."""
    theta = layout_of(kernel, dim, dtype).starts(jax.random.key(0), 1)[0]
    return Classifier(theta, jnp.zeros(rows, dtype), jnp.zeros((rows, rows), dtype), jnp.zeros((), dtype), kernel)


@one_after_another
def conditioned(
    classifier: Classifier, x: Float[Array, "n dim"], label: Int[Array, "n"], due: Bool[Array, ""]
) -> Classifier:
    """Return the classifier of these labels; where ``due``, with lengthscales and variance fitted again.

    The fit goes from the old hyperparameters towards the mode of their posterior, with Laplace's evidence, by an
    adaptive search along the axes: a step that helps grows, one that does not is turned and halved (Rosenbrock 1960,
    without his rotations). Members of a vmapped run are treated one after another.
    """
    kernel, size = classifier.kernel, classifier.theta.shape[0]
    places = layout_of(kernel, x.shape[1], x.dtype)

    def improve(search):
        axis = search.turn % size
        first = search.turn == 0
        trial = search.theta.at[axis].add(jnp.where(first, 0, search.step[axis]))
        mode = find_mode(kernel, trial, x, label, search.mode.latent)
        value = evidence(mode, label) + places.log_prior(trial)[0]
        better = first | (value > search.value)
        factor = jnp.where(first, 1, jnp.where(better, 1.5, -0.5)).astype(x.dtype)
        after = search._replace(theta=trial, value=value, mode=mode)
        kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), after, search)
        return kept._replace(step=search.step.at[axis].multiply(factor), turn=search.turn + 1)

    def unsettled(search):
        turns = jnp.where(due, TURNS * size, 1)
        return (search.turn < turns) & (jnp.max(jnp.abs(search.step)) > 0.02)

    worst, none = jnp.asarray(-jnp.inf, x.dtype), jnp.zeros_like(x[:, 0])
    start = Search(
        theta=classifier.theta,
        value=worst,
        mode=Mode(none, none, none, jnp.eye(x.shape[0], dtype=x.dtype), jnp.zeros((), x.dtype)),
        step=jnp.full_like(classifier.theta, 0.7),
        turn=jnp.zeros((), jnp.int32),
    )
    end = lax.while_loop(unsettled, improve, start)
    return Classifier(end.theta, end.mode.weights, end.mode.inverse * end.mode.root[None], end.mode.mean, kernel)


def grow(classifier: Classifier, rows: int) -> Classifier:
    """Return the same classifier with room for ``rows`` labels."""
    extra = rows - classifier.weights.shape[0]
    return replace(
        classifier,
        weights=jnp.pad(classifier.weights, (0, extra)),
        explained=jnp.pad(classifier.explained, (0, extra)),
    )


def log_probability(
    classifier: Classifier, data_x: Float[Array, "n dim"], x: Float[Array, "query dim"]
) -> Float[Array, "query"]:
    """Return log P(success) at each point, averaged over the posterior of the latent function; ``data_x`` are the
    points with labels.

    The average of σ over a normal is that of MacKay 1992: σ(μ / √(1 + πs²/8)), s² the variance.
    """
    parts = layout_of(classifier.kernel, x.shape[1], x.dtype).constrain(classifier.theta)
    across = kernels.cross(kernel_from(classifier.kernel).build(parts), data_x, x)
    mean = classifier.mean + classifier.weights @ across
    first, *more = [part["variance"] for part in parts if "variance" in part]  # one for each term of a sum
    variance = sum(more, start=first) - jnp.ones_like(classifier.weights) @ (classifier.explained @ across) ** 2
    return -jax.nn.softplus(-mean / jnp.sqrt(1 + jnp.pi / 8 * jnp.maximum(variance, 0)))


def find_mode(
    kernel: str, theta: Float[Array, "p"], x: Float[Array, "n dim"], label: Int[Array, "n"], latent: Float[Array, "n"]
) -> Mode:
    """Find the mode from ``latent`` by Newton's method (Rasmussen & Williams 2006, algorithm 3.1).

    The constant mean is the log odds of success so far, for an average over the prior of the latent function.
    """
    covariance = kernel_from(kernel).build(layout_of(kernel, x.shape[1], x.dtype).constrain(theta))
    gram, eye = kernels.cross(covariance, x, x), jnp.eye(x.shape[0], dtype=x.dtype)
    odds = (jnp.sum(label > 0) + 1.0) / (jnp.sum(label < 0) + 1.0)
    mean = (jnp.log(odds) * jnp.sqrt(1 + jnp.pi / 8 * gram[0, 0])).astype(x.dtype)

    def improve(carry):
        step, mode, _ = carry
        slope, curvature = derivatives(mode.latent, label)
        root = jnp.sqrt(curvature)
        inverse = inverse_factor(jnp.linalg.cholesky(eye + root[:, None] * gram * root[None], symmetrize_input=False))
        target = curvature * (mode.latent - mean) + slope
        weights = target - root * (inverse.T @ (inverse @ (root * (gram @ target))))
        new = mean + gram @ weights
        change = jnp.max(jnp.where(label != 0, jnp.abs(new - mode.latent), 0))
        return step + 1, Mode(new, weights, root, inverse, mean), change

    def unsettled(carry):
        step, _, change = carry
        return (step < NEWTON_STEPS) & (change > 1e-4)

    none = jnp.zeros_like(latent)
    start = (jnp.zeros((), jnp.int32), Mode(latent, none, none, eye, mean), jnp.asarray(jnp.inf, x.dtype))
    return lax.while_loop(unsettled, improve, start)[1]


def evidence(mode: Mode, label: Int[Array, "n"]) -> Float[Array, ""]:
    """Return Laplace's approximation of log p(labels | theta) (Rasmussen & Williams 2006, eq. 3.32)."""
    likelihood = jnp.sum(jnp.where(label != 0, -jax.nn.softplus(-label * mode.latent), 0))
    return likelihood - 0.5 * mode.weights @ (mode.latent - mode.mean) + jnp.sum(jnp.log(jnp.diagonal(mode.inverse)))


def derivatives(latent: Float[Array, "n"], label: Int[Array, "n"]) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """Return ∂ log σ/∂f and −∂² log σ/∂f² of each row (Rasmussen & Williams 2006, eq. 3.15); 0 for empty ones."""
    probability = jax.nn.sigmoid(latent)
    present = label != 0
    return jnp.where(present, (label > 0) - probability, 0), jnp.where(present, probability * (1 - probability), 0)


def layout_of(kernel: str, dim: int, dtype: Any) -> Layout:
    """Return how lengthscales and variances lie in theta."""
    return layout(kernel_from(kernel).priors(dim), dtype)


def kernel_from(expression: str) -> kernels.Kernel:
    """Return the kernel of an expression, with the prior of the latent function's variance."""
    return kernels.kernel(expression, variance=VARIANCE)
