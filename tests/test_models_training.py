"""Training on batches: moving average, early stop, labelled share; resuming a killed run."""

import os
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from models import Batch, Code, FitConfig, Model, VAEConfig, fit_split, vae
from models.data import take
from models.training import pieces
from models.training.batching import minibatches
from models.training.config import optimiser
from models.training.epochs import trainer

FIT = FitConfig(epochs=6, batch_size=8, validation_fraction=0.25, learning_rate=0.1)
FULL = replace(FIT, average=0.8, gradient_clip=1.0, patience=3)


def mean_model(shape=(2, 3)):
    """A model with one parameter, the mean of images, and a noisy loss as a VAE has; it compiles in no time."""

    def init(key):
        return {"mean": jax.random.normal(key, shape, jnp.float32)}

    def loss(key, params, batch, fraction=1.0):
        x = batch.x if isinstance(batch, Batch) else batch
        noise = 0.1 * jax.random.normal(key, shape, jnp.float32)
        value = jnp.mean((x - (params["mean"] + noise)[None]) ** 2)
        return value, {"fraction": jnp.asarray(fraction, jnp.float32), "negative_elbo": value}

    def bound(key, params, batch, search=False):
        return loss(key, params, batch)

    def encode(params, x, **given):
        return Code(x.reshape(-1), jnp.ones(x.size, x.dtype))

    def decode(params, z, **given):
        return z.reshape(shape) + params["mean"]

    return Model(init, loss, encode, decode, bound)


MODEL = mean_model()
REAL = vae(VAEConfig(shape=(2, 3)))


def images(key, n=40):
    return 2 + jax.random.normal(key, (n, 2, 3), jnp.float32)


def test_a_batch_with_nothing_but_images_trains_as_the_bare_array_does(key):
    x = images(key)
    together = [jax.jit(lambda k, d=d: models.fit(k, MODEL, d, FIT))(key) for d in (x, Batch(x))]
    jax.tree.map(np.testing.assert_array_equal, *together)
    assert together[0][1].epochs == together[0][1].chosen == 6


def test_a_loss_is_traced_once_for_a_batch_and_once_for_the_validation(key):
    traced = []

    def counted(*arguments):
        traced.append(1)
        return MODEL.loss(*arguments)

    jax.eval_shape(lambda key: models.fit(key, MODEL._replace(loss=counted), images(key), FULL), key)
    assert len(traced) == 2


def test_moving_average_is_the_average_of_the_weights_that_plain_training_passes_through(key):
    """Full batches without noise make the path of the weights deterministic; it is computed here by hand."""
    x, config = images(key, 8), replace(FIT, epochs=5, average=0.5, schedule="constant", warmup=0.0)

    def loss(key, params, batch, fraction=1.0):
        return jnp.mean((batch - params["mean"][None]) ** 2), {}

    model = MODEL._replace(loss=loss)
    params, history = jax.jit(lambda k: fit_split(k, model, x, x, config))(key)
    optimise = optimiser(config, 5)
    weights = model.init(jax.random.split(key)[0])
    state, average = optimise.init(weights), weights["mean"]
    for step in range(5):
        gradient = jax.grad(lambda w: loss(key, w, x)[0])(weights)
        updates, state = optimise.update(gradient, state)
        weights = jax.tree.map(jnp.add, weights, updates)
        decay = min(0.5, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weights["mean"]
    np.testing.assert_allclose(params["mean"], average, rtol=1e-5)
    np.testing.assert_allclose(history.validation["loss"][-1], loss(key, params, x)[0], rtol=1e-5)


def test_early_stop_returns_the_weights_of_the_best_epoch_and_runs_no_further(key):
    """Validation images have another mean, so that their loss rises with every epoch after some point."""
    x, far = images(key), images(key, 12) - 2.5
    config = replace(FIT, epochs=30, patience=4)
    calls = []
    fit = jax.jit(lambda k: fit_split(k, MODEL, x, far, config, progress=lambda e, _: calls.append(int(e))))
    params, history = fit(key)
    jax.effects_barrier()
    run, best = int(history.epochs), int(history.chosen)
    assert best + 4 == run < 30 and sorted(calls) == list(range(run))
    values = np.asarray(history.validation["loss"])
    assert np.nanargmin(values) == best - 1 and np.isnan(values[run:]).all() and np.isfinite(values[:run]).all()
    assert history.finite.all()

    until = jax.jit(lambda k, e: _state_after(k, x, far, replace(config, patience=0), e))
    jax.tree.map(np.testing.assert_array_equal, params, until(key, best))


def _state_after(key, x, validation, config, epochs):
    run = trainer(MODEL, x, jnp.arange(len(x)), validation, config)
    return run.advance(key, run.start(key), epochs).params


def test_vmapped_members_stop_each_at_its_own_epoch(key):
    x, config = images(key), replace(FIT, epochs=20, patience=1, stop_after=0.2)
    fit = jax.jit(lambda k: models.fit(k, MODEL, x, config))
    keys = jax.random.split(key, 4)
    params, history = jax.jit(jax.vmap(fit))(keys)
    assert len(set(np.asarray(history.epochs).tolist())) > 1 and history.epochs.min() > 0.2 * 20
    for member in range(2):
        alone, alone_history = fit(keys[member])
        assert alone_history.epochs == history.epochs[member] and alone_history.chosen == history.chosen[member]
        np.testing.assert_allclose(params["mean"][member], alone["mean"], rtol=1e-5)


def test_validation_changes_only_which_epoch_is_chosen(key):
    x, held, config = images(key), images(key, 12), replace(FIT, average=0.9, gradient_clip=0.5)
    fit = jax.jit(lambda v: fit_split(key, MODEL, x, v, config))
    (params, history), (other, changed) = fit(held), fit(held + 3)
    jax.tree.map(np.testing.assert_array_equal, params, other)
    assert not np.allclose(history.validation["loss"], changed.validation["loss"])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "exponential"])
def test_rates_rise_to_the_peak_and_end_where_they_should(schedule):
    config = replace(FIT, schedule=schedule, warmup=0.1, final_rate=0.2)
    optimise, params = optimiser(config, 100), {"w": jnp.zeros(())}
    state, moves = optimise.init(params), []
    for _ in range(100):
        update, state = optimise.update({"w": jnp.ones(())}, state, params)
        moves.append(-float(update["w"]))  # Adam's step under a constant gradient is the rate
    assert moves[0] == 0 and np.isclose(max(moves), 0.1, rtol=1e-3) and np.argmax(moves) >= 10 - 1
    np.testing.assert_allclose(moves[-1], 0.1 if schedule == "constant" else 0.02, rtol=0.06)


def test_clipped_gradient_is_no_longer_than_the_bound(key):
    clip = optimiser(replace(FIT, gradient_clip=0.5), 10)
    free, gradient = optimiser(FIT, 10), {"w": jnp.array([3.0, 4.0])}
    moments = [o.update(gradient, o.init(gradient))[1][1][0].mu["w"] for o in (clip, free)]
    np.testing.assert_allclose(jnp.linalg.norm(moments[0]), 0.1 * 0.5, rtol=1e-6)
    np.testing.assert_allclose(jnp.linalg.norm(moments[1]), 0.1 * 5, rtol=1e-6)


def test_labelled_share_fills_each_batch_with_all_classes_alike(key):
    label = np.full(1000, -1)
    label[:50], label[50:52] = 0, 1  # one class is 25 times rarer than the other
    data, rows = Batch(jnp.zeros((1000, 2, 3)), label=jnp.asarray(label)), jnp.arange(1000)[20:]
    config = FitConfig(batch_size=20, labelled_share=0.25)
    order = minibatches(key, data, rows, 49, config)
    labels = label[np.asarray(order)]
    assert ((labels[:, :5] >= 0).all()) and (labels[:, 5:] == -1).all() and np.asarray(order).min() >= 20
    assert 0.35 < (labels[:, :5] == 1).mean() < 0.65
    rest = np.asarray(order[:, 5:]).ravel()
    assert len(set(rest.tolist())) == len(rest)  # unlabelled rows once an epoch
    np.testing.assert_array_equal(take(data, order).label, labels)


@pytest.mark.parametrize("config", [FULL, pytest.param(replace(FIT, epochs=9), marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(key, config, tmp_path, monkeypatch):
    """The run is killed while its second state is being written; the epochs since the first state are lost."""
    x = images(key)
    whole = models.fit_resumable(key, MODEL, x, config, tmp_path / "whole", every=2)
    replace_file = os.replace

    def killed(part, file):
        if "step-000000004" in str(file):
            raise KeyboardInterrupt
        replace_file(part, file)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        models.fit_resumable(key, MODEL, x, config, tmp_path / "killed", every=2)
    begun = []
    again = models.fit_resumable(
        key, MODEL, x, config, tmp_path / "killed", every=2, progress=lambda epoch, _: begun.append(int(epoch))
    )
    jax.effects_barrier()
    assert min(begun) == 2
    jax.tree.map(np.testing.assert_array_equal, whole, again)
    at_once = jax.jit(lambda k: models.fit(k, MODEL, x, config))(key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), whole, at_once)


def test_an_ensemble_is_resumed_as_well_and_another_fit_is_refused(key, tmp_path):
    keys, x = jax.random.split(key, 2), images(key)
    params, history = models.fit_resumable(keys, MODEL, x, FIT, tmp_path, every=4)
    alone = jax.jit(lambda k: models.fit(k, MODEL, x, FIT))(keys[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5), (params, history), alone)
    for changed in (
        (keys, x + 1, FIT),
        (keys, x, replace(FIT, learning_rate=0.2)),
        (jax.random.split(keys[0]), x, FIT),
    ):
        with pytest.raises(ValueError, match=r"fit with other (data|learning_rate|key)"):
            models.fit_resumable(changed[0], MODEL, changed[1], changed[2], tmp_path)
    larger = MODEL._replace(init=lambda key: MODEL.init(key) | {"more": jnp.zeros(2, jnp.float32)})
    with pytest.raises(ValueError, match="other functions of the model"):
        models.fit_resumable(keys, larger, x, FIT, tmp_path)
    with pytest.raises(ValueError, match="fit with other model"):
        models.fit_resumable(keys, MODEL._replace(config="of the same shapes"), x, FIT, tmp_path)


def test_fits_side_by_side_go_on_in_their_folder(key, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "SAVED_AFTER", 0.0)
    x, keys, config, told = images(key), jax.random.split(key, 2), replace(FIT, epochs=4), []
    whole = pieces.fit_pieces(keys, MODEL, x, x, config)

    def stop(epochs):
        if epochs == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pieces.fit_pieces(keys, MODEL, x, x, config, progress=stop, folder=tmp_path)
    again = pieces.fit_pieces(keys, MODEL, x, x, config, progress=told.append, folder=tmp_path)
    assert told == [3, 4]
    jax.tree.map(np.testing.assert_array_equal, whole, again)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: FitConfig(average=1.0), "average=1.0"),
        (lambda key: FitConfig(patience=-1), "patience=-1"),
        (lambda key: FitConfig(schedule="exponential"), "final_rate"),
        (lambda key: FitConfig(labelled_share=0.01), "makes 0 labelled"),
        (lambda key: models.fit(key, MODEL, images(key), FitConfig(batch_size=39)), "at most 38"),
        (lambda key: models.fit(key, MODEL, images(key), replace(FIT, labelled_share=0.5)), "needs labels"),
        (lambda key: models.fit(key, MODEL, Batch(images(key), label=jnp.zeros(3, int)), FIT), r"\[3, 40\] rows"),
        (lambda key: models.fit(key, REAL, images(key).at[3, 0, 0].set(jnp.nan), FIT), "first is row 3"),
        (lambda key: models.restarts(key, 2, REAL, images(key)[0], FIT), "one example per row"),
        (lambda key: models.fit_resumable(key, MODEL, images(key), FIT, "/nowhere", every=0), "every is 0"),
    ],
)
def test_bad_input_is_refused_in_words(key, call, words):
    with pytest.raises(ValueError, match=words):
        call(key)


def test_missing_values_are_no_bad_values():
    x = np.ones((3, 4))
    x[1, 2] = np.nan
    vae(VAEConfig(shape=(4,))).check(Batch(x, mask=np.isfinite(x).astype(np.float32)))
