"""TODO docstring of bo.surrogates.wrapping"""

from typing import Any

from bo.surrogates.base import Surrogate


def behind(surrogate: Surrogate, inner: Any) -> Surrogate:
    """The Surrogate whose params hold those of ``surrogate`` where ``inner`` (params) finds them."""
    assert surrogate.path is not None
    path = surrogate.path
    return surrogate._replace(
        predict=lambda params, data, x: surrogate.predict(inner(params), data, x),
        predictor=lambda params, data: surrogate.predictor(inner(params), data),
        sample=lambda key, params, data, x: surrogate.sample(key, inner(params), data, x),
        condition=lambda params, data, pool: surrogate.condition(inner(params), data, pool),
        surface=lambda params, posterior: surrogate.surface(inner(params), posterior),
        covariance=lambda params, *rest: surrogate.covariance(inner(params), *rest),
        append=lambda params, *rest: surrogate.append(inner(params), *rest),
        path=lambda key, params, data: path(key, inner(params), data),
    )
