"""Earlier observations that a surrogate knows before a campaign begins: they lie before its rows in the data."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bo.data import Data, check_variances
from bo.surrogates.base import Surrogate
from bo.surrogates.wrapping import wrap
from ferro_jax import values


def with_earlier(surrogate: Surrogate, earlier: Data) -> Surrogate:
    """Return ``surrogate`` conditioned on, and fitted to, the rows of ``earlier`` and those of the campaign.

    ``earlier.x`` is in the unit cube of the campaign.
    """
    number = earlier.y.shape[0]

    def both(data: Any) -> Any:
        return jax.tree.map(lambda old, new: jnp.concatenate([old.astype(new.dtype), new]), earlier, data)

    return wrap(
        surrogate,
        init=lambda key, data: surrogate.init(key, both(data)),
        fit=lambda key, params, data: surrogate.fit(key, params, both(data)),
        params=lambda params: params,
        data=lambda params, data: both(data),
    )._replace(
        append=lambda params, posterior, pool, count, *rest: surrogate.append(
            params, posterior, pool, count + number, *rest
        ),
        grow=lambda posterior, capacity: surrogate.grow(posterior, capacity + number),
    )


def check_earlier(prior: Any, dim: int) -> Data:
    """Return the earlier observations; ValueError unless they are a ``bo.observations`` of ``dim`` inputs.

    ValueError also for numbers that are not finite and negative variances, where they are known.
    """
    if not isinstance(prior, Data):
        raise ValueError(f"prior is a {type(prior).__name__}; expected bo.observations(x, y) of earlier evaluations")
    if prior.x.shape[1] != dim:
        raise ValueError(f"prior has {prior.x.shape[1]} inputs; expected {dim}, the context among them")
    if values.is_known(prior):
        used = np.asarray(prior.mask)
        for name, known in (("x", prior.x), ("y", prior.y)):
            values.check_finite(np.asarray(known)[used], f"{name} of prior")
        check_variances(np.where(used, np.asarray(prior.noise), 0), "the noise of prior")
    return prior
