"""Searches weighed by a density: a constraint is kept, draws have their probabilities; how campaigns compile."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import bo
from ferro_jax import compiling
from ferro_jax.before_xla import NO_SUMS_BY_YNNPACK

MEAN, STD = jnp.array([0.0, 1.0, 2.0, 0.5, -1.0]), jnp.array([1.0, 0.5, 0.1, 2.0, 1.0])
PREDICTION = bo.Prediction(MEAN, STD)
STATE: Any = SimpleNamespace(
    count=jnp.asarray(3), data=None, visited=None, best=jnp.asarray(1.0), z_score=None, params=None
)
VIEW = bo.View(jnp.zeros((5, 1)), lambda key: MEAN, lambda index: MEAN, PREDICTION)


def test_a_density_adds_its_logarithm_and_a_constraint_is_never_left(key):
    plain = bo.log_expected_improvement()(key, PREDICTION, STATE, VIEW)
    density = jnp.array([0.3, -1.0, -jnp.inf, 2.0, 0.0])
    for weight in (0.0, 0.5):
        scores = bo.weighed_by_density(bo.log_expected_improvement(), density, weight)(key, PREDICTION, STATE, VIEW)
        assert scores[2] == -jnp.inf
        rest = np.array([0, 1, 3, 4])
        np.testing.assert_allclose(scores[rest], plain[rest] + weight * density[rest], rtol=1e-6)


def test_candidates_are_drawn_as_often_as_prior_and_improvement_say(key):
    prior = np.array([0.1, 0.2, 0.1, 0.2, 0.4])
    rule = bo.improving_draw(jnp.log(jnp.asarray(prior)))
    keys = jax.random.split(key, 20_000)
    drawn = np.asarray(jax.vmap(lambda k: jnp.argmax(rule(k, PREDICTION, STATE, VIEW)))(keys))
    expected = prior * norm.sf((1.0 - np.asarray(MEAN)) / np.asarray(STD))
    share = np.bincount(drawn, minlength=5) / len(keys)
    np.testing.assert_allclose(share, expected / expected.sum(), atol=0.015)  # four standard errors


@pytest.mark.parametrize("make", [bo.improving_draw, lambda p: bo.weighed_by_density(bo.variance(), p)])
def test_a_density_of_another_length_is_refused(key, make):
    with pytest.raises(ValueError, match="one for each candidate"):
        make(jnp.zeros(4))(key, PREDICTION, STATE, VIEW)


def test_compiler_options_leave_out_what_the_user_has_set(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"{NO_SUMS_BY_YNNPACK} --xla_backend_optimization_level=3")
    assert set(bo.compiler_options()) == set(compiling.QUICKLY) - {"xla_backend_optimization_level"}


def test_options_that_this_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", NO_SUMS_BY_YNNPACK)
    monkeypatch.setattr(compiling, "QUICKLY", {"xla_cpu_of_another_version": True})
    assert bo.compiler_options() == {}
