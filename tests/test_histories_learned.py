"""Histories learned: bounds everywhere, durations given back, scales undone, collapse said, files bit for bit."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.hostile import assert_named
from models import FitConfig, VAEConfig, histories
from models.histories.reporting import _roughness, problems_of
from models.histories.scaling import from_vector, scaling_of, to_vectors
from models.histories.smoothing import WIDTHS
from models.parts.smoothing import smoothing_matrix

TIME = np.linspace(0, 1, 24)
SMALL = VAEConfig(hidden=(32,), activation="gelu", likelihood="gaussian_learned", sigma=0.3)
FIT = FitConfig(epochs=150, batch_size=20, learning_rate=5e-3, validation_fraction=0.1)


def heating(count=200, channels=1, gaps=False):
    """Temperatures 20–900 °C that rise to a plateau, and with it a current of 0–25 A; slow rise takes long."""
    rng = np.random.default_rng(0)
    top, rise = rng.uniform(300, 900, (count, 1)), rng.uniform(0.1, 0.9, (count, 1))
    values = [20 + (top - 20) * np.clip(TIME / rise, 0, 1), 25 * (rise > TIME)]
    stacked = np.stack(values[:channels], -1)
    if gaps:
        stacked[rng.uniform(size=stacked.shape) < 0.1] = np.nan
    duration = 3600 * np.exp(2 * rise[:, 0] - 1)
    return histories.from_arrays(stacked[..., 0] if channels == 1 else stacked, duration=duration, time_unit="s")


@pytest.fixture(scope="module")
def learned():
    return histories.learn(heating(), bounds=(20, 900), key=jax.random.key(0), config=SMALL, fit_config=FIT)


def test_histories_and_durations_come_back(learned):
    data = heating()
    decoded = histories.decode(learned, histories.encode(learned, data).mean)
    spread = (data.values - data.values.mean(0, keepdims=True)).std()
    assert np.sqrt(np.mean((decoded.values - data.values) ** 2)) < 0.2 * spread
    assert np.median(np.abs(decoded.duration / data.duration - 1)) < 0.05
    assert learned.report.duration_error < 0.05 and learned.report.error < learned.report.mean_error / 3
    assert learned.report.mean_error == pytest.approx(1, rel=0.15)  # as a share of the spread about the mean
    assert 1 < learned.report.sigma / learned.report.error < 5  # the likelihood learns how large errors are
    assert not learned.report.problems


def test_bounds_hold_wherever_the_latent_space_is_decoded(learned):
    z = 100 * np.random.default_rng(0).normal(size=(10_000, 2))
    decoded = histories.decode(learned, z)
    assert decoded.values.shape == (10_000, 24) and np.isfinite(decoded.values).all()
    assert decoded.values.min() == 20 and decoded.values.max() == 900
    assert decoded.duration.min() > 0.99 * 3600 / np.e and decoded.duration.max() < 1.01 * 3600 * np.e


@pytest.mark.parametrize("bound", [0.1, 0.3, 1 / 3])
def test_bounds_that_single_precision_cannot_hold_are_not_passed_by_rounding(learned, bound):
    narrow = learned._replace(low=np.array([-bound]), high=np.array([bound]))
    values = np.asarray(from_vector(narrow, jnp.linspace(-1e6, 1e6, 25, dtype=jnp.float32)).values, float)
    assert values.min() >= -bound and values.max() <= bound


def test_a_saved_family_is_loaded_bit_for_bit(learned, tmp_path):
    again = histories.load(histories.save(learned, tmp_path / "family"))
    z = np.random.default_rng(0).normal(size=(50, 2))
    for one, other in zip(histories.decode(learned, z), histories.decode(again, z), strict=True):
        np.testing.assert_array_equal(one, other)
    same = jax.tree.map(lambda a, b: bool(np.all(a == b)), learned._replace(config=0), again._replace(config=0))
    assert all(jax.tree.leaves(same)) and again.config == learned.config and again.time_unit == "s"
    with pytest.raises(ValueError, match=r"holds no histories\.json"):
        histories.load(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of what four epochs do not learn
def test_a_training_in_a_folder_is_not_done_twice(tmp_path):
    epochs = []
    once, again = (
        histories.learn(
            heating(60),
            key=jax.random.key(0),
            config=SMALL,
            fit_config=FitConfig(epochs=4, batch_size=16),
            folder=tmp_path,
            progress=lambda epoch, _: epochs.append(int(epoch)),
        )
        for _ in range(2)
    )
    assert sorted(epochs) == list(range(4)) and once.report.problems == again.report.problems
    jax.tree.map(np.testing.assert_array_equal, once._replace(config=0, report=0), again._replace(config=0, report=0))


def test_a_family_with_a_hostile_file_is_refused_by_name_and_a_tilde_is_home(learned, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = histories.save(learned, "~/family")
    assert folder == tmp_path.resolve() / "family" and histories.load("~/family").config == learned.config
    assert_named(folder, histories.load, tmp_path, ["histories.json", "histories.npz", "model.json"])


@pytest.mark.parametrize("scale", ["auto", "unit", "standard", (0.0, 1000.0)])
@pytest.mark.parametrize("channels", [1, 2])
def test_scaling_is_undone_and_gaps_are_masked(learned, scale, channels):
    data = heating(40, channels, gaps=True)
    scaling = scaling_of(data, scale, "keep")
    batch = to_vectors(data, scaling)
    assert batch.mask is not None and (batch.mask == 0).sum() == (data.mask == 0).sum()
    assert batch.x.std() < 4 and abs(batch.x).max() < 20
    free = np.full(channels, np.inf)
    family = learned._replace(scaling=scaling, low=-free, high=free, single=channels == 1)
    back = jax.vmap(lambda vector: from_vector(family, vector))(jnp.asarray(batch.x))
    np.testing.assert_allclose(np.where(data.mask, back.values, 0), data.values, atol=1e-3)
    np.testing.assert_allclose(back.duration, data.duration, rtol=1e-5)


def test_ignored_durations_are_decoded_as_their_geometric_mean():
    data = heating(40)
    scaling = scaling_of(data, "auto", "ignore")
    assert to_vectors(data, scaling).x.shape == (40, 24) and scaling.log_duration[1] == 0
    np.testing.assert_allclose(np.exp(scaling.log_duration[0]), np.exp(np.log(data.duration).mean()))


def test_decoding_can_be_differentiated(learned):
    z = np.asarray(learned.mean[3], np.float32)

    @jax.jit
    @jax.value_and_grad
    def study(z):
        decoded = histories.decode(learned, z)
        return jnp.mean(decoded.values) / 100 + jnp.log(decoded.duration)

    ahead = [(study(z + step)[0] - study(z - step)[0]) / 2e-2 for step in 1e-2 * np.eye(2, dtype=np.float32)]
    np.testing.assert_allclose(study(z)[1], ahead, rtol=0.05, atol=0.02)


def test_collapse_is_said_with_what_to_change():
    noise = histories.from_arrays(np.random.default_rng(0).normal(size=(60, 24)))
    config = VAEConfig(**{**vars(SMALL), "kl_weight": 100.0})
    with pytest.warns(UserWarning) as said:
        learned = histories.learn(
            noise, key=jax.random.key(0), config=config, fit_config=FitConfig(epochs=300, batch_size=20)
        )
    assert max(learned.report.information) < 0.05 and "collapsed" in learned.report.problems[0]
    assert learned.report.problems[0] == str(said[0].message)
    assert any("no better than by the mean" in problem for problem in learned.report.problems)


def test_a_worse_reconstruction_than_principal_components_is_said(learned):
    report = learned.report._replace(error=0.5, linear_error=0.3)
    assert "principal components reach 0.30" in problems_of(report)[0]
    assert not problems_of(report._replace(error=0.08, linear_error=0.01))  # good enough
    assert (
        "latent 2 of 2 has collapsed and carries nothing: use latent=1"
        in problems_of(report._replace(information=(3.0, 0.01)))[0]
    )
    assert "duration" in problems_of(report._replace(duration_error=0.3))[-1]
    assert "jitter" in problems_of(report._replace(roughness=4.0))[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": (0, 25)}, "run from 20 to"),
        ({"bounds": (900, 20)}, "lower bound must lie below"),
        ({"bounds": [(0, 1), (0, 1)]}, "each of the 1 channels"),
        ({"scale": "log"}, "scale="),
        ({"duration": "drop"}, "duration="),
    ],
)
def test_options_that_cannot_be_are_refused_before_the_training(options, message):
    with pytest.raises(ValueError, match=message):
        histories.learn(heating(40), key=jax.random.key(0), **options)


def test_too_few_and_other_histories_are_refused(learned):
    with pytest.raises(ValueError, match="expected 20"):
        histories.learn(heating(5), key=jax.random.key(0))
    with pytest.raises(ValueError, match="samples=24"):
        histories.encode(learned, histories.from_arrays(np.arange(60.0).reshape(2, 30)))
    with pytest.raises(ValueError, match="2 latents"):
        histories.decode(learned, np.zeros((4, 3)))


def test_roughness_is_that_of_the_decoded_histories_over_that_of_the_histories():
    time, generator = np.linspace(0, 1, 100), np.random.default_rng(0)
    x = np.sin(3 * time[None] + generator.uniform(0, 6, (50, 1)))
    scaling = histories.Scaling(np.full((100, 1), 5.0), np.array([2.0]), np.zeros(2), 1.0, 1.0)
    rough = x + 0.1 * generator.standard_normal(x.shape)  # second differences of white noise: √6 times as large
    expected = 0.1 * np.sqrt(6) / 0.01
    assert _roughness(x, rough, np.ones(x.shape, bool), scaling, 0.01) == pytest.approx(expected, rel=0.05)
    assert _roughness(rough, x, np.ones(x.shape, bool), scaling, 0.01) < 0.1


def test_roughness_beside_straight_histories_is_in_units_of_what_is_seen():
    x = np.linspace(0, 1, 100)[None] * np.arange(1.0, 4.0)[:, None]  # second differences of 0
    scaling = histories.Scaling(np.zeros((100, 1)), np.array([1.0]), np.zeros(2), 1.0, 1.0)
    rough = x + 0.1 * np.random.default_rng(0).standard_normal(x.shape)
    known = np.ones(x.shape, bool)
    expected = 0.1 * np.sqrt(6) / 0.5
    assert _roughness(x, rough, known, scaling, 0.5) == pytest.approx(expected, rel=0.1)
    assert _roughness(x[:, :2], rough[:, :2], known[:, :2], scaling._replace(centre=np.zeros((2, 1))), 0.5) == 1


def test_decoded_histories_are_as_smooth_as_the_histories_and_steps_stay_steps():
    """The decoder's own noise is smoothed away where held-out histories allow it, and nowhere else."""
    rng = np.random.default_rng(0)
    time, end = np.linspace(0, 1, 200)[None], rng.uniform(0.2, 1, (200, 1))
    ramps, pulses = end * time ** rng.uniform(1, 5, (200, 1)), end * (np.arange(200) % 8 < 4)[None]
    widths, jitter = [], []
    for values in (ramps, pulses):
        data = histories.from_arrays(values)
        learned = histories.learn(data, key=jax.random.key(0), config=SMALL, fit_config=replace(FIT, epochs=40))
        widths.append(learned.scaling.smooth)
        plain = learned._replace(scaling=learned.scaling._replace(smooth=0.0))
        jitter.append([np.diff(histories.decode(each, each.mean).values, 2).std() for each in (learned, plain)])
    assert widths[0] > 0 and widths[1] == 0
    assert jitter[0][0] < 0.1 * jitter[0][1] and jitter[1][0] == jitter[1][1]


def test_a_smoother_keeps_straight_lines_to_both_ends_and_takes_noise_away():
    time = np.linspace(0, 1, 100)
    noise = np.random.default_rng(0).standard_normal((100, 400))
    for width in WIDTHS[1:]:
        matrix = smoothing_matrix(100, width)
        np.testing.assert_allclose(matrix @ (3 - 2 * time + time**2), 3 - 2 * time + time**2, atol=1e-9)
    expected = np.sqrt(27 / 16 / (2 * np.sqrt(np.pi) * 0.04 * 99))  # ∫ of the squared kernel (3 − u²)/2 · φ(u)
    assert (matrix @ noise)[30:70].std() == pytest.approx(expected, rel=0.03)
    wave = np.cos(2 * np.pi * time / 0.2)[30:70]  # ten widths of 0.02
    assert np.abs(smoothing_matrix(100, 0.02) @ np.cos(2 * np.pi * time / 0.2))[30:70].max() > 0.97 * np.abs(wave).max()
    np.testing.assert_array_equal(smoothing_matrix(100, 0.001), np.eye(100))


@pytest.mark.parametrize("smooth", ["much", -0.1, 0.5])
def test_widths_that_are_none_are_refused(smooth):
    with pytest.raises(ValueError, match="smooth"):
        histories.learn(heating(), key=jax.random.key(0), smooth=smooth)
