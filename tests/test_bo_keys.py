"""The tree of keys, written out a second time: a campaign draws every number from the key that the tree names."""

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.campaigns import batch, keys
from bo.campaigns.records import CampaignConfig
from helpers import small_campaign

CONFIG = CampaignConfig(initial_points=3, steps=4, refit_every=2, learn_failures=False)
SIZE = len(small_campaign.POOL)


def uniform(key):
    """Return the first uniform number of a key: the objective, the acquisition and the fit each return one."""
    return jax.random.uniform(key, (), jnp.float64)


def campaign_of_draws():
    """A campaign whose values, choices and hyperparameters are nothing but numbers drawn from their keys."""
    surrogate = small_campaign.surrogate()

    def init(key, data):
        return surrogate.init(key, data)._replace(mean=uniform(key))

    def fit(key, params, data):
        params, info = surrogate.fit(key, params, data)
        return params._replace(mean=uniform(key)), info

    drawn = surrogate._replace(init=init, fit=fit)
    return bo.campaign(lambda key, x: uniform(key), small_campaign.POOL, drawn, bo.at_random(), CONFIG)


def chosen(key, visited):
    """Return the candidate that ``bo.at_random`` prefers among those not visited."""
    scores = np.asarray(jax.random.uniform(key, (SIZE,), jnp.float64))
    return int(np.argmax(np.where(np.isin(np.arange(SIZE), visited), -np.inf, scores)))


def test_every_number_of_a_campaign_is_drawn_from_its_own_key(key):
    _, info = jax.jit(lambda key: bo.run(key, campaign_of_draws()))(key)
    initial, steps = jax.random.split(key)
    design, objective, fit = jax.random.split(initial, 3)
    index = list(np.asarray(jax.random.choice(design, SIZE, (3,), replace=False)))
    value = [uniform(each) for each in jax.random.split(objective, 3)]
    means = [uniform(fit)]
    for count in range(3, 7):
        advance, fit = jax.random.split(jax.random.fold_in(steps, count))
        ask, objective = jax.random.split(advance)
        index.append(chosen(ask, index))
        value.append(uniform(objective))
        means.append(uniform(fit) if count in (4, 6) else means[-1])
    np.testing.assert_array_equal(info.index, index)
    np.testing.assert_array_equal(info.value, value)
    np.testing.assert_array_equal(info.params.mean[2:], means)


def test_every_number_of_a_batched_campaign_is_drawn_from_its_own_key(key):
    _, info = jax.jit(lambda key: batch.run(key, campaign_of_draws(), 2, fantasies=False))(key)
    initial, steps = jax.random.split(key)
    index = list(np.asarray(jax.random.choice(jax.random.split(initial, 3)[0], SIZE, (3,), replace=False)))
    value, means = [], []
    for count in (3, 5):
        advance, _ = jax.random.split(jax.random.fold_in(steps, count))
        ask, objective = jax.random.split(advance)
        for each in jax.random.split(ask, 2):
            index.append(chosen(each, index))
        value += [uniform(each) for each in jax.random.split(objective, 2)]
        means.append(uniform(jax.random.split(jax.random.fold_in(steps, count + 1))[1]))
    np.testing.assert_array_equal(info.index, index)
    np.testing.assert_array_equal(info.value[3:], value)
    np.testing.assert_array_equal(np.asarray(info.params.mean)[[4, 6]], means)


def test_keys_of_a_step_in_a_box_have_their_names(key):
    named = keys.split_ask_in_box(key)
    assert named._fields == ("raw", "local", "acquisition", "path")
    assert (jnp.stack(named) == jax.random.split(key, 4)).all()
