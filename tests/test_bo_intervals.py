"""Intervals as wide as a campaign's own errors demand: they hold what they promise, from the past alone."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import bo


@pytest.mark.parametrize("heavy", [False, True])
def test_intervals_of_a_surrogate_that_is_too_sure_hold_what_they_promise(heavy):
    rng = np.random.default_rng(0)
    z = 1.6 * (rng.standard_t(3, (20, 600)) if heavy else rng.standard_normal((20, 600)))
    for level in (0.8, 0.95):
        inside = np.abs(z) <= bo.half_widths(z, level)[:, :-1]
        np.testing.assert_allclose(inside[:, 100:].mean(), level, atol=0.012)  # three standard errors
    assert (np.abs(z) <= 1.96).mean() < 0.82


def test_widths_look_back_only_and_leave_out_what_has_no_score():
    z = np.array([np.nan, 0.5, -3.0, np.nan, 1.0])
    widths = bo.half_widths(z)
    assert widths.shape == (6,)
    np.testing.assert_allclose(widths[:5], bo.half_widths(z[:4]))
    assert widths[0] == widths[1] and widths[3] == widths[4] > widths[2]


def test_the_width_is_the_weight_of_the_quantile_rule(key):
    z = np.random.default_rng(1).standard_normal(30)
    state: Any = SimpleNamespace(
        count=jnp.asarray(30), data=None, visited=None, best=jnp.asarray(0.0), z_score=jnp.asarray(z), params=None
    )
    prediction = bo.Prediction(jnp.zeros(2), jnp.ones(2))
    view = bo.View(jnp.zeros((2, 1)), lambda key: jnp.zeros(2), lambda index: jnp.zeros(2), prediction)
    kappa = bo.quantile_upper_confidence_bound(0.9)(key, prediction, state, view)
    np.testing.assert_allclose(kappa, bo.half_widths(z, 0.9)[-1], rtol=1e-6)


def test_a_level_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        bo.half_widths(np.zeros(3), 1.0)
