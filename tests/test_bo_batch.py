"""Batches of q evaluations: their points differ, and they are observed like single ones, over pools and boxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.campaigns import batch
from helpers import small_campaign

POOL = jnp.stack(jnp.meshgrid(*[jnp.linspace(0, 1, 12)] * 2, indexing="ij"), -1).reshape(-1, 2)
SURROGATE = small_campaign.surrogate()  # a rule of thumb fits, because an optimiser takes most of the compilation
CONFIG = bo.CampaignConfig(initial_points=6, steps=12, refit_every=6, learn_failures=False)


def hill(key, x):
    return -jnp.sum((x - 0.4) ** 2) + 0.1 * jnp.sin(12 * x[0])


def build(rule, config=CONFIG):
    return bo.campaign(hill, POOL, SURROGATE, rule, config)


def begun(problem, key, room):
    state, _ = problem.init(key)
    return problem.grow(state, room)


def test_fantasies_spread_the_points_of_a_batch(key):
    problem = build(bo.upper_confidence_bound(2.0))

    @jax.jit
    def study(key):
        state = begun(problem, key, 10)
        proposals = batch.ask(key, problem, state, 4)
        # with values equal to the predicted means, the mean stays as it was and the spread shrinks
        after, info = batch.tell(problem, state, proposals, proposals.mean)
        return proposals, info, problem.surface(state), problem.surface(after)

    proposals, info, before, after = study(key)
    assert len(set(np.asarray(proposals.index).tolist())) == 4
    gaps = np.linalg.norm(np.asarray(proposals.x[:, None] - proposals.x[None]), axis=-1)[~np.eye(4, dtype=bool)]
    assert gaps.min() > 0.1
    first = int(np.argmax(np.asarray(before.mean + 2 * before.std)))
    assert first in np.asarray(proposals.index)
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-9)
    np.testing.assert_allclose(info.z_score, 0, atol=1e-9)
    assert (np.asarray(after.std) <= np.asarray(before.std) + 1e-9).all()


def test_thompson_batches_are_independent_draws_without_repeats(key):
    problem = build(bo.thompson())

    @jax.jit
    def study(key):
        state = begun(problem, key, 14)
        return batch.ask(key, problem, state, 8, fantasies=False), state.visited

    proposals, visited = study(key)
    assert len(set(np.asarray(proposals.index).tolist())) == 8 and not np.asarray(visited)[proposals.index].any()


@pytest.mark.slow
def test_batched_campaign_records_all_and_vmapped_equals_single(key):
    problem = build(bo.log_expected_improvement())
    keys = jnp.stack([jax.random.key(3), key])
    info = jax.tree.map(lambda leaf: leaf[1], jax.jit(jax.vmap(lambda k: batch.run(k, problem, 3)[1]))(keys))
    assert info.index.shape == (18,) and len(set(np.asarray(info.index).tolist())) == 18
    np.testing.assert_allclose(info.value, jax.vmap(hill, (None, 0))(None, POOL[info.index]), rtol=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(info.refitted), [5, 11, 17])
    key_init, key_steps = jax.random.split(key)
    state, _ = jax.jit(problem.init)(key_init)
    key_batch = jax.random.split(jax.random.fold_in(key_steps, state.count))[0]
    alone = jax.jit(lambda k, state: batch.ask(k, problem, problem.grow(state, 18), 3))
    np.testing.assert_array_equal(alone(jax.random.split(key_batch)[0], state).index, info.index[6:9])


@pytest.mark.slow  # one more program to compile, of which the batch is a small part
def test_batches_in_a_box_differ(key):
    config = bo.BoxConfig(initial_points=5, steps=4, raw_points=64, local_points=16, starts=3, iterations=8)
    problem = bo.box(hill, [[0.0, 1.0]] * 2, SURROGATE, bo.log_expected_improvement(), config)
    proposals = jax.jit(lambda k: batch.ask(k, problem, begun(problem, k, 9), 3))(key)
    gaps = np.linalg.norm(np.asarray(proposals.x[:, None] - proposals.x[None]), axis=-1)[~np.eye(3, dtype=bool)]
    assert gaps.min() > 1e-3


def test_a_batch_that_does_not_fit_the_budget_is_refused(key):
    problem = build(bo.thompson())
    with pytest.raises(ValueError, match="divide"):
        batch.run(key, problem, 5)
    with pytest.raises(ValueError, match="at least 1"):
        batch.ask(key, problem, jax.eval_shape(problem.init, key)[0], 0)
