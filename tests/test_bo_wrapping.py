"""Wrapped surrogates: every field is translated, none is passed on silently."""

import jax.numpy as jnp
import numpy as np

from bo.surrogates.base import Prediction, Surrogate, with_noise
from bo.surrogates.wrapping import wrap


def spy(calls, field):
    """A function that notes its arguments under ``field`` and returns a mark, or a function that returns one."""

    def called(*arguments):
        calls[field] = arguments
        return (lambda x: f"{field} of {x}") if field in ("predictor", "path") else f"inner {field}"

    return called


def marked(calls):
    """A surrogate whose params, data and posteriors are words, wrapped: outer words say what was translated."""
    functions = {field: spy(calls, field) for field in Surrogate._fields if field != "dtype"}
    inner = Surrogate(**functions, dtype="float32")
    return inner, wrap.__wrapped__(
        inner,
        init=lambda *arguments: ("init", *arguments),
        fit=lambda *arguments: ("fit", *arguments),
        params=lambda params: f"params in {params}",
        data=lambda params, data: f"{data} for {params}",
        prediction=lambda params, prediction: (params, prediction),
        draw=lambda params, draw: (params, draw),
        posterior=lambda posterior: f"posterior in {posterior}",
    )


def test_every_field_of_a_wrapped_surrogate_is_translated():
    calls = {}
    _, outer = marked(calls)
    params, data, posterior = "params in P", "D for P", "posterior in Q"
    rest = tuple("abcdef")
    expected = {  # field: how it is called, what it returns, what the inner function was called with
        "init": (("key", "D"), ("init", "key", "D"), None),
        "fit": (("key", "P", "D"), ("fit", "key", "P", "D"), None),
        "predict": (("P", "D", "x"), ("P", "inner predict"), (params, data, "x")),
        "predictor": (("P", "D"), ("P", "predictor of x"), (params, data)),
        "sample": (("key", "P", "D", "x"), ("P", "inner sample"), ("key", params, data, "x")),
        "path": (("key", "P", "D"), ("P", "path of x"), ("key", params, data)),
        "noise": (("P",), "inner noise", (params,)),
        "condition": (("P", "D", "pool"), "inner condition", (params, data, "pool")),
        "surface": (("P", "Q"), ("P", "inner surface"), (params, posterior)),
        "covariance": (("P", "Q", "pool", 3), "inner covariance", (params, posterior, "pool", 3)),
        "append": (("P", "Q", *rest), "inner append", (params, posterior, *rest)),
        "grow": (("Q", 9), "inner grow", (posterior, 9)),
    }
    assert set(expected) | {"dtype"} == set(Surrogate._fields)  # a new field needs a translation and a line here
    assert outer.dtype == "float32"
    for field, (arguments, result, inner_arguments) in expected.items():
        found = getattr(outer, field)(*arguments)
        assert (found("x") if callable(found) else found) == result, field
        assert calls.get(field) == inner_arguments, field


def test_what_a_surrogate_does_not_have_its_wrapper_does_not_have():
    inner, _ = marked({})
    assert wrap(inner._replace(path=None), init=inner.init, fit=inner.fit, params=lambda params: params).path is None


def test_without_translations_only_the_params_change():
    calls = {}
    inner, _ = marked(calls)
    outer = wrap(inner, init=inner.init, fit=inner.fit, params=lambda params: params[0])
    assert outer.predict(("P", "more"), "D", "x") == "inner predict" and calls["predict"] == ("P", "D", "x")
    assert outer.surface(("P", "more"), "Q") == "inner surface" and calls["surface"] == ("P", "Q")


def test_noise_adds_its_variance():
    prediction = with_noise(Prediction(jnp.zeros(2), jnp.asarray([3.0, 0.0])), jnp.asarray(16.0))
    np.testing.assert_array_equal(prediction.std, [5.0, 4.0])
