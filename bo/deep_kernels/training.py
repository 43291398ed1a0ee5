"""Train the network of a deep kernel together with its hyperparameters, each member without one fold."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from bo.deep_kernels.blocks import FitData, fit_data, in_block_units, squared_distances
from bo.features.base import Block
from bo.surrogates.gp import find_mode
from bo.surrogates.held_out import Residuals, folds_of, held_out_residuals
from bo.surrogates.process import standardisation
from bo.surrogates.process_types import Process

_COLLAPSED = 1e-4  # share of the untrained network's spread below which features count as collapsed


class Training(NamedTuple):
    """What the training of all members shares.

    ``network`` is the pure pair (init, apply); ``inputs`` are the blocks that it gets. ``blocks`` are those without the
    network's, ``extended`` those with it as the last; ``fitting`` is the process of ``extended`` for ``FitData``.
    ``rate`` is that of Adam, ``stop_every`` the number of steps between two places where training may stop.
    """

    network: Any
    inputs: Sequence[Block]
    blocks: Sequence[Block]
    extended: Sequence[Block]
    fitting: Process
    members: int
    rate: float
    stop_every: int

    @property
    def width(self) -> int:
        """Number of columns before the network's features."""
        return self.extended[-1].start

    @property
    def outputs(self) -> int:
        """Number of the network's features."""
        return self.extended[-1].stop - self.extended[-1].start


class Trained(NamedTuple):
    """Members at every place where training may stop; each array has a leading member axis.

    ``held_out`` F["member stop capacity"] are residuals of all rows. ``eligible`` is false where features have no
    spread or hyperparameters are not finite, ``restarted`` true for members whose features had collapsed before.
    """

    thetas: Float[Array, "member stop p"]
    weights: Any
    held_out: Residuals
    eligible: Bool[Array, "member stop"]
    restarted: Bool[Array, "member"]


def network_outputs(network: Any, inputs: int) -> int:
    """Number of the network's features; ValueError if it does not take so many inputs."""
    try:
        weights = jax.eval_shape(network.init, jax.random.key(0))
        shape = jax.eval_shape(network.apply, weights, jax.ShapeDtypeStruct((2, inputs), jnp.float32)).shape
    except TypeError as error:
        raise ValueError(f"the network does not take the {inputs} columns of its input blocks: {error}") from error
    return shape[-1]


def network_features(training: Training, weights: Any, x: Array) -> Float[Array, "n outputs"]:
    """Features of points x F["n columns"]; inputs have about unit variance each, outputs together."""
    fan_in = sum(block.stop - block.start for block in training.inputs)
    inputs = jnp.concatenate(in_block_units(training.inputs, x), axis=1) * fan_in**0.5
    return training.network.apply(weights, inputs.astype(jnp.float32)).astype(x.dtype) / training.outputs**0.5


def with_features(training: Training, weights: Any, x: Array) -> Float[Array, "n extended"]:
    """Points x F["n columns"] with the network's features as further columns."""
    return jnp.concatenate([x[:, : training.width], network_features(training, weights, x)], axis=1)


def train_members(
    training: Training, key: Array, thetas: Float[Array, "member p"], weights: Any, data: Any, stops: int, cold: bool
) -> Trained:
    """Train every member without its fold, from hyperparameters and weights with a leading member axis.

    A member whose features have collapsed starts from fresh weights. With ``cold``, hyperparameters are first moved to
    the nearest mode with the weights as they are. There are ``stops`` places to stop, the start included.
    """
    folds = folds_of(data, training.members)
    fresh = jax.vmap(training.network.init)(jax.random.split(key, training.members))

    def train_member(each):
        fold, theta, weights, fresh = each
        spread, usual = _spread(training, weights, data), _spread(training, fresh, data)
        collapsed = ~(spread > _COLLAPSED * usual)
        weights = jax.tree.map(lambda old, new: jnp.where(collapsed, new, old), weights, fresh)
        mask = data.mask & (folds != fold)
        if cold:
            theta = _nearest_mode(training, weights, theta, data, mask)
        (thetas, trained), held_out, spreads = _train(training, (theta, weights), data, mask, stops)
        eligible = (spreads > _COLLAPSED * usual) & jnp.all(jnp.isfinite(thetas), axis=1)
        return Trained(thetas, trained, held_out, eligible, collapsed)

    return jax.lax.map(train_member, (jnp.arange(training.members), thetas, weights, fresh))


def _spread(training: Training, weights: Any, data: Any) -> Float[Array, ""]:
    """Summed variance of the network's features over the observations."""
    features = jnp.where(data.mask[:, None], network_features(training, weights, data.x), 0)
    count = jnp.maximum(jnp.sum(data.mask), 1)
    return jnp.sum(features**2) / count - jnp.sum((jnp.sum(features, axis=0) / count) ** 2)


def _nearest_mode(training: Training, weights: Any, theta: Array, data: Any, mask: Any) -> Float[Array, "p"]:
    """Nearest mode of the hyperparameters with the weights as they are."""
    location, scale = standardisation(data)
    part = data._replace(x=with_features(training, weights, data.x), mask=mask)
    squared = fit_data(training.extended, part, jnp.ones(len(training.extended), data.y.dtype))
    return find_mode(training.fitting, theta, squared, location, scale, volume=True)[0]


def _train(training: Training, start: tuple[Any, Any], data: Any, mask: Any, stops: int) -> Any:
    """Train one member from ``start`` (theta, weights) on the rows in ``mask``.

    Returns at each stop (theta, weights), the residuals of all rows, and the spread of the features.
    """
    location, scale = standardisation(data)
    fitting, width = training.fitting, training.width
    ones = jnp.ones(len(training.extended), data.y.dtype)
    fixed = fit_data(training.blocks, data, ones).squares

    def with_network(weights):
        x = with_features(training, weights, data.x)
        squares = jnp.concatenate([fixed, squared_distances(x[:, width:], x[:, width:])[None]])
        return FitData(x, data.y, mask, data.noise, squares, ones)

    def loss(trained):
        theta, weights = trained
        count = jnp.maximum(jnp.sum(mask), 1)
        return -fitting.log_posterior(theta, with_network(weights), location, scale, True) / count

    optimiser = optax.adam(training.rate)

    def step(carry, _):
        trained, state = carry
        updates, state = optimiser.update(jax.grad(loss)(trained), state, trained)
        return (optax.apply_updates(trained, updates), state), None

    def to_next_stop(carry, _):
        (theta, weights), _ = carry
        params = fitting.params(theta, width + training.outputs, location, scale)
        held_out = held_out_residuals(fitting, params, with_network(weights))
        after, _ = jax.lax.scan(step, carry, length=training.stop_every)
        return after, (carry[0], held_out, _spread(training, weights, data))

    _, at_stops = jax.lax.scan(to_next_stop, (start, optimiser.init(start)), length=stops)
    return at_stops
