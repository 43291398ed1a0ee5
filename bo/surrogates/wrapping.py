"""Adapt a surrogate to other params, data or units: the one place where its fields are listed again."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from bo.surrogates.base import Fit, Init, Prediction, Surrogate


def wrap(
    surrogate: Surrogate,
    *,
    init: Init,
    fit: Fit,
    params: Callable[[Any], Any],
    data: Callable[[Any, Any], Any] = lambda params, data: data,
    prediction: Callable[[Any, Prediction], Prediction] = lambda params, prediction: prediction,
    draw: Callable[[Any, Array], Array] = lambda params, draw: draw,
    posterior: Callable[[Any], Any] = lambda posterior: posterior,
) -> Surrogate:
    """Return a Surrogate whose params, data, predictions and posterior are translated to and from those of another.

    ``init`` and ``fit`` make the new params. ``params(new)`` are the params of ``surrogate`` and ``data(new, data)``
    the data that it is conditioned on. ``prediction(new, prediction)`` and ``draw(new, draw)`` translate what comes
    back. ``posterior(new posterior)`` is the posterior of ``surrogate``.

    Replace ``noise``, ``covariance`` and ``append`` of the result where predictions have other units, and
    ``condition``, ``append`` and ``grow`` where the posterior is another record.
    """
    path = surrogate.path

    def predictor(new, observed):
        predict = surrogate.predictor(params(new), data(new, observed))
        return lambda x: prediction(new, predict(x))

    def path_of(key, new, observed):
        assert path is not None
        function = path(key, params(new), data(new, observed))
        return lambda x: draw(new, function(x))

    return Surrogate(
        init=init,
        fit=fit,
        predict=lambda new, observed, x: prediction(new, surrogate.predict(params(new), data(new, observed), x)),
        predictor=predictor,
        sample=lambda key, new, observed, x: draw(new, surrogate.sample(key, params(new), data(new, observed), x)),
        path=None if path is None else path_of,
        noise=lambda new: surrogate.noise(params(new)),
        condition=lambda new, observed, pool: surrogate.condition(params(new), data(new, observed), pool),
        surface=lambda new, carried: prediction(new, surrogate.surface(params(new), posterior(carried))),
        covariance=lambda new, carried, *rest: surrogate.covariance(params(new), posterior(carried), *rest),
        append=lambda new, carried, *rest: surrogate.append(params(new), posterior(carried), *rest),
        grow=lambda carried, capacity: surrogate.grow(posterior(carried), capacity),
        dtype=surrogate.dtype,
    )
