"""The experiment on searches inside the support: what exists, where searches open, a small run to its report."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from experiments import inside_support
from experiments.inside_support import campaigns, compute, families, images, problems, spaces
from experiments.inside_support.config import DIGITS, METHODS, PROBLEMS
from experiments.lab.run import Run
from experiments.shared.processes import battery
from helpers import finished_runs


def candidates(count=40):
    z = np.linspace(-2, 2, 2 * count).reshape(count, 2)
    rest = {"inside": np.arange(count) % 2 == 0, "miss": np.linspace(0, 2, count), "distance": np.full(count, 0.5)}
    filled = {name: np.zeros(count) for name in problems.Candidates._fields if name not in ("z", *rest)}
    return problems.Candidates(z=z, **{**filled, **rest})


def test_searches_open_inside_and_never_ask_twice():
    config = inside_support.Config(campaigns=3, initial_points=5, steps=20)
    orders = campaigns.openings(candidates(), config)
    assert orders.shape == (3, 25)
    assert candidates().inside[orders[:, :5]].all()
    assert all(len(set(order)) == 25 for order in orders)
    np.testing.assert_array_equal(campaigns.openings(candidates(), config), orders)


def test_what_exists_re_encodes_to_itself_and_lies_in_the_family():
    some = candidates()._replace(distance=np.where(np.arange(40) < 5, 1.5, 0.5))
    np.testing.assert_array_equal(np.flatnonzero(some.exists), np.arange(5, 20))  # misses up to 1 are 0 to 19


def pictures(z):
    """Images of 6 × 6 pixels that are a plane in two latents, kept within 0 to 1."""
    ramp = np.linspace(-1, 1, 6)
    across, down = np.broadcast_to(ramp[None], (6, 6)), np.broadcast_to(ramp[:, None], (6, 6))
    z = np.asarray(z, float)
    return spaces.Pictures(np.clip(0.5 + 0.1 * np.tensordot(z, np.stack([across, down]), 1), 0, 1))


def codes(images):
    ramp = np.linspace(-1, 1, 6)
    flat = (images.values - 0.5) / 0.1
    return np.stack([flat.mean(1) @ ramp, flat.mean(2) @ ramp], 1) / (ramp @ ramp)


def family_of_images(**changes):
    """A family whose members are noisy images of a disc of its latent space."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(600, 2))
    members = spaces.Pictures(np.clip(pictures(z).values + 0.01 * rng.normal(size=(600, 6, 6)), 0, 1))
    space = spaces.Space(
        codes(members), np.full((600, 2), 0.1), pictures, codes, lambda some: some.values.reshape(len(some.values), -1),
        lambda point: 0.1 * point,
    )  # fmt: skip
    worth = {"cards": lambda x: x.mean((1, 2))}
    return families.Family(space, members, worth)._replace(**changes)


def test_images_of_the_family_exist_and_invented_ones_do_not():
    family, config = family_of_images(), inside_support.Config(grid_points=20, members=800, steps=60)
    (problem,) = problems.problems_of(family, config)
    each, length = problem.candidates, np.linalg.norm(problem.candidates.z, axis=1)
    assert each.examples.values.shape == (800, 6, 6) and not problem.fails
    assert each.exists[length < 1].mean() > 0.95 and not each.exists[length > 6].any()
    far = length > 6
    assert (each.miss[far] > 1).all() and (each.distance[far] > 1).all()  # each rule alone finds them
    np.testing.assert_allclose(problem.members, family.members.values.mean((1, 2)))
    np.testing.assert_array_equal(problem.best_member, family.members.values[problem.members.argmax()])


def test_half_of_the_candidates_fill_a_support_however_small_and_each_stands_for_its_area():
    config = inside_support.Config(grid_points=20, members=800, steps=60)
    rng = np.random.default_rng(0)
    clusters = np.repeat([[-2.0, -2.0], [2.0, 2.0]], 300, axis=0) + 0.1 * rng.normal(size=(600, 2))
    z, area = problems.points(clusters, config)
    inside = models.inside_support(z, clusters)
    assert z.shape == (800, 2) and inside[400:].all() and inside[:400].mean() < 0.05
    assert len(np.unique(z, axis=0)) == 800
    np.testing.assert_allclose(area[:400].sum(), 400 * (20 / 19) ** 2)
    assert 0.1 < area[400:].sum() < 1.5  # two discs with a radius of about 0.3
    with pytest.raises(problems.RunError, match="raise --epochs or --histories"):
        problems.points(clusters * [[1.0, 0.0]] + 1e-5 * rng.normal(size=(600, 2)), config)


def test_a_vae_of_images_decodes_within_their_range_and_encodes_what_it_decodes():
    model = models.vae(models.VAEConfig(shape=(5, 5), hidden=(8,)))
    params = jax.jit(model.init)(jax.random.key(0))
    x = np.random.default_rng(0).uniform(size=(12, 5, 5)).astype(np.float32)
    space = spaces.of_images(model, params, x)
    np.testing.assert_allclose(space.encode(spaces.Pictures(x)), space.mean, atol=1e-6)
    decoded = space.decode(np.array([[0.0, 0.0], [80.0, -80.0]]))
    assert decoded.values.shape == (2, 5, 5) and decoded.values.min() >= 0 and decoded.values.max() <= 1
    assert np.abs(space.output(jnp.array([80.0, -80.0], jnp.float32)) - decoded.values[1]).max() > 1e-3  # it was kept
    np.testing.assert_allclose(space.vectors(decoded), decoded.values.reshape(2, 25))


def test_symmetry_and_slant_of_known_images():
    cross, stroke = np.zeros((2, 9, 9))
    cross[4] = cross[:, 4] = stroke[:, 4] = 1
    found = images.symmetry(np.stack([cross, stroke, np.full((9, 9), 0.3)]))
    np.testing.assert_allclose(found[[0, 2]], [1, 0], atol=1e-9)
    assert -0.2 < found[1] < 0.1
    right = np.fliplr(np.eye(9))  # from the lower left to the upper right
    np.testing.assert_allclose(
        images.slant(np.stack([right, np.eye(9), stroke, 0 * stroke])), [45, -45, 0, 0], atol=0.1
    )


@pytest.mark.slow
def test_cards_and_digits_are_learned_from_others_than_their_members():
    for make, count in ((images.cards, 300), (images.digits, DIGITS)):
        space, members = make(inside_support.SMOKE, None)
        assert members.values.shape[0] == count and members.values.min() >= 0 and members.values.max() <= 1
        again = space.decode(space.encode(members)).values
        spread = np.sqrt(np.mean((members.values - members.values.mean(0)) ** 2))
        assert np.sqrt(np.mean((again - members.values) ** 2)) < spread
        assert not (np.abs(space.encode(members)[:, None] - space.mean[None]).max(2) < 1e-6).any()


def test_a_family_may_bring_values_that_are_known_and_evaluations_that_fail(tmp_path):
    known = {"cards": np.where(np.arange(50) % 2 == 0, np.nan, np.arange(50.0))}
    worth = {"cards": lambda x: np.where(x[:, 0, 0] > 0.5, np.nan, x[:, 0, 0])}
    family, config = family_of_images(evaluate=worth), inside_support.Config(grid_points=20, members=800, steps=60)
    with pytest.raises(problems.RunError, match="cards: values of the candidates went non-finite"):
        problems.problems_of(family, config)
    (problem,) = problems.problems_of(family._replace(known=known, fails=True), config)
    assert problem.fails and len(problem.members) == 50
    np.testing.assert_array_equal(problem.best_member, family.members.values[49])
    lane = campaigns.of_members(problem)
    assert lane.coordinates.shape == (800, problems.FEATURES)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(lane.log_density)), np.arange(50))
    opened = []

    def call(keys, initial, *_, progress):
        opened.append(initial)
        return np.zeros((len(keys), small.evaluations), int)

    small = inside_support.Config(grid_points=20, members=800, campaigns=2, initial_points=10, steps=30)
    campaigns.search(call, problem, small)
    of_lanes = dict(zip(campaigns.lanes_of(problem, small), opened[0].reshape(-1, 2, 10), strict=True))
    assert of_lanes["members"].max() < 50 < of_lanes["anywhere"].max()
    run = Run(tmp_path, config, inside_support.STAGES, writes=False)
    compute.record_problem(run, problem)
    exists, value = problem.candidates.exists, problem.value
    assert run.metrics["cards_failed_share"] == np.isnan(value).mean() > 0.2
    assert run.metrics["cards_best_anywhere"] == np.nanmax(value) and run.metrics["cards_best_member"] == 49
    assert run.metrics["cards_best_existing"] == np.nanmax(value[exists])
    assert 3 < run.metrics["cards_support_width"] < 9  # of a disc of standard normal codes
    assert run.metrics["cards_top_1_percent_of_box_exists_share"] <= 1
    assert "cards_row" in run.results.cards_example.dims


def test_a_battery_without_its_simulator_is_left_out_or_refused_in_words(monkeypatch):
    assert "name the Python that has PyBaMM" in battery.lacking("python-that-is-not-there")
    monkeypatch.setattr(battery, "HAS_PYBAMM", "raise SystemExit(0)")
    assert battery.lacking() == ""
    monkeypatch.setattr(battery, "HAS_PYBAMM", "raise SystemExit(1)")
    assert "pip install 'ferro-jax[battery]'" in families.left_out(inside_support.Config())["battery"]
    assert families.left_out(inside_support.Config(problems=("cards", "digits"))) == {}
    compute.check(inside_support.Config())
    for config in (inside_support.Config(problems=("battery",)), inside_support.Config(python="python")):
        with pytest.raises(ValueError, match="--problems battery: .* has no PyBaMM"):
            compute.check(config)


def test_components_keep_the_distances_of_vectors_in_few_dimensions():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 12))
    kept = problems.components(vectors)
    np.testing.assert_allclose(np.linalg.norm(kept[0] - kept[1]), np.linalg.norm(vectors[0] - vectors[1]))


def test_options_that_cannot_be_served_are_refused():
    with pytest.raises(ValueError, match="--problems"):
        inside_support.Config(problems=())
    with pytest.raises(ValueError, match="--steps"):
        inside_support.Config(grid_points=10)


def cheap(current, **_: object) -> battery.Charged:
    """Charge by formulas: cut off beyond 2 Ah."""
    amount = current.mean(1) * battery.SECONDS / 3600
    value = np.where(failed := amount > 2, np.nan, amount - 0.01 * current.std(1))
    return battery.Charged(value, amount, 25 + 0 * amount, 0 * amount, 4 + 0 * amount, failed)


CHEAPLY = """
from test_experiments_inside import battery, cheap
battery.charge, battery.lacking = cheap, lambda python: ""
"""


@pytest.mark.slow
def test_smoke_run_saves_a_report_in_which_a_constraint_is_kept(tmp_path):
    folder, results, metrics = finished_runs.checked("inside_support", tmp_path, before=CHEAPLY)
    assert metrics["complete"] == 1
    for name in PROBLEMS:
        for method in METHODS:
            assert metrics[f"{name}_{method}_best_anywhere_median"] <= metrics[f"{name}_best_anywhere"] + 1e-9 or (
                method in ("members", "family")
            )
        asked = results[f"{name}_asked"]
        assert metrics[f"{name}_exists_asked_outside_share"] == 0
        assert asked.sel(method="members").max() < metrics[f"{name}_members"]
        assert all(len(set(row)) == len(row) for row in asked.to_numpy().reshape(-1, asked.sizes["evaluation"]))
    assert metrics["battery_failed_share"] > 0 and metrics["cards_failed_share"] == 0
    assert (folder / "progress.png").stat().st_size > 10_000
    report = (folder / "report.html").read_text()
    assert all(PROBLEMS[name].title in report for name in PROBLEMS) and "was left out" not in report


@pytest.mark.slow
def test_report_says_what_was_left_out(tmp_path):
    without = "from test_experiments_inside import battery; battery.HAS_PYBAMM = 'raise SystemExit(1)'"
    given = "--problems", "battery", "digits"
    folder, _, metrics = finished_runs.checked("inside_support", tmp_path, *given, before=without)
    assert "digits_best_existing" in metrics and "battery_best_existing" not in metrics
    report = (folder / "report.html").read_text()
    assert "Charged battery was left out:" in report and "has no PyBaMM" in report
