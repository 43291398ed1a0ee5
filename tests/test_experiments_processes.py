"""Simulators of processes: conservation, limits, closed forms, order of convergence, gradients; generated histories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from experiments.shared.processes import annealing, battery, integrate, records, steel

PROCESSES = {"annealing": annealing, "battery": battery, "steel": steel}
anneal, quench = jax.jit(annealing.simulate), jax.jit(steel.simulate)


def held(value: float) -> jax.Array:
    """A constant history in double precision."""
    return jnp.asarray(np.full(records.SAMPLES, value))


@pytest.mark.parametrize("name", PROCESSES)
def test_generated_histories_stay_within_bounds_and_differ(name, key):
    process = PROCESSES[name]
    histories = jax.jit(process.draw, static_argnums=1)(key, 203)
    values, control = np.asarray(histories.values), process.CONTROL
    assert values.shape == (203, records.SAMPLES) and np.isfinite(values).all()
    assert values.min() >= control.low and values.max() <= control.high
    assert np.unique(values.round(3), axis=0).shape[0] == 203
    counts = np.bincount(histories.family, minlength=len(process.FAMILIES))
    assert counts.max() - counts.min() <= 1
    if name == "battery":
        assert (np.asarray(histories.duration) == battery.SECONDS).all()
    else:
        assert histories.duration.min() >= process.SHORTEST and histories.duration.max() <= process.LONGEST
        assert histories.duration.max() > 10 * histories.duration.min()


def test_integration_is_of_fourth_order():
    unit = jnp.linspace(0, 1, 6)
    history = 1 + unit**2  # linear between its samples
    area = ((history[1:] + history[:-1]) / 2).mean()
    solve = jax.jit(lambda n: integrate.rk4(lambda y, u: -4 * u * y, 1.0, history, 1.0, n), static_argnums=0)
    errors = [solve(steps) - jnp.exp(-4 * area) for steps in (1, 2, 4)]
    assert 13 < errors[0] / errors[1] < 30 and 13 < errors[1] / errors[2] < 25


def test_a_cold_film_stays_as_it_is():
    cold = anneal(held(-200.0), 3600.0)
    assert max(cold.crystalline, cold.decomposed, cold.value) < 1e-60 and cold.solvent == 1
    assert anneal(held(25.0), 60.0).crystalline < 1e-3


def test_film_at_constant_rates_follows_kolmogorov():
    film = annealing.Film(drying=0.0)  # wet film at 60 °C: constant supersaturation
    kelvin, seconds = 333.15, 1000.0
    above = annealing.supersaturation(film, 0.0, kelvin)
    nucleation = annealing.arrhenius(film.nucleation, film.nucleation_energy, kelvin) * np.exp(-film.barrier / above**2)
    growth = annealing.arrhenius(film.growth, film.growth_energy, kelvin) * (1 - np.exp(-above))
    for time in (seconds, 4 * seconds, 16 * seconds):
        expected = 1 - np.exp(-np.pi * nucleation * growth**2 * time**3 / 3)
        np.testing.assert_allclose(anneal(held(60.0), time, film).crystalline, expected, rtol=1e-9)


def test_decomposition_follows_arrhenius():
    decayed = {celsius: -np.log1p(-anneal(held(celsius), 60.0).decomposed) for celsius in (100.0, 150.0)}
    slope = np.log(decayed[150.0] / decayed[100.0]) / (1 / 373.15 - 1 / 423.15)
    np.testing.assert_allclose(slope * annealing.GAS / annealing.ELECTRON_VOLT, 1.54, rtol=1e-6)
    np.testing.assert_allclose(anneal(held(150.0), 3600.0).decomposed, 0.5, atol=0.05)


def test_hotter_grains_are_larger_and_too_hot_films_are_lost():
    cool, warm, hot = (anneal(held(celsius), 600.0) for celsius in (80.0, 130.0, 195.0))
    assert cool.grain < warm.grain and cool.value < warm.value and hot.value < 0.05
    assert 0.2 < anneal(held(100.0), 600.0).grain < 0.8  # µm


UNIT = np.linspace(0, 1, records.SAMPLES)
SMOOTH = {  # a history and its duration that do not fail
    "annealing": (45 + 120 * UNIT + 5 * np.sin(9 * UNIT), 200.0),
    "steel": (300 + 560 * np.exp(-12 * UNIT) - 250 * UNIT**2, 400.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_is_that_of_finite_differences(name):
    (history, seconds), simulate = SMOOTH[name], PROCESSES[name].simulate
    function = jax.jit(jax.value_and_grad(lambda *process: simulate(*process, substeps=2).value, (0, 1)))
    _, slopes = function(history, seconds)
    for bend, stretch in ((np.sin(3 * UNIT) + 0.2, 0.0), (0 * UNIT, 1.0)):
        ahead, behind = (function(history + s * bend, seconds + s * stretch)[0] for s in (1e-3, -1e-3))
        along = np.vdot(slopes[0], bend) + slopes[1] * stretch
        assert along != 0
        np.testing.assert_allclose((ahead - behind) / 2e-3, along, rtol=2e-3)


@pytest.mark.parametrize(("name", "tolerance"), [("annealing", 2e-3), ("steel", 1.0)])
def test_halving_the_step_changes_little(name, tolerance, key):
    process = PROCESSES[name]
    histories = jax.jit(process.draw, static_argnums=1)(key, 203)
    ends = [
        jax.jit(jax.vmap(lambda *each, n=steps: process.simulate(*each, substeps=n).value))(*histories[:2])
        for steps in (process.SUBSTEPS, 2 * process.SUBSTEPS)
    ]
    assert np.nanquantile(np.abs(ends[1] - ends[0]), 0.95) < tolerance


def test_austenite_that_does_not_cool_stays():
    hot = quench(held(870.0), 3600.0)
    assert hot.phases.austenite == 1 and hot.difference == 0 and hot.failed and np.isnan(hot.value)


def test_phases_sum_to_one_whatever_the_history(key):
    histories = jax.jit(steel.draw, static_argnums=1)(key, 203)
    ends = jax.jit(jax.vmap(steel.simulate))(*histories[:2])
    total = sum(np.asarray(part) for part in ends.phases)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert all((np.asarray(part) >= -1e-6).all() for part in ends.phases)
    assert 0.1 < np.asarray(ends.failed).mean() < 0.6
    np.testing.assert_array_equal(np.isnan(ends.value), ends.failed)


def test_sudden_quench_leaves_what_koistinen_and_marburger_say():
    *_, ms = steel.reactions(steel.Steel())
    thin = steel.Steel(half_thickness=1e-5)
    cooled = quench(jnp.linspace(870.0, 20.0, records.SAMPLES), 0.5, thin)
    np.testing.assert_allclose(cooled.phases.austenite, np.exp(-0.011 * (ms - 20)), rtol=1e-3)
    assert cooled.phases.martensite > 0.96 and 580 < cooled.hardness < 720  # HV: martensite of 0.4 % carbon
    slow = quench(jnp.linspace(870.0, 20.0, records.SAMPLES), 200 * 3600.0)
    assert slow.phases.ferrite + slow.phases.pearlite > 0.99 and slow.hardness < 280


def test_reaction_held_at_one_temperature_follows_the_integral_of_li():
    *others, reaction, ms = steel.reactions(steel.Steel())
    bainite_alone = [*(other._replace(slowness=1e30) for other in others), reaction]
    celsius, share = 420.0, np.array([0.1, 0.5, 0.9])
    transform = jax.jit(lambda celsius, step: steel.transform(celsius, step, bainite_alone, ms))
    time = [quad(lambda x: 1 / (x ** (0.4 * (1 - x)) * (1 - x) ** (0.4 * x)), 0, end)[0] for end in share]
    for target, moment in zip(share, time, strict=True):
        seconds = moment / float(steel.pace(reaction, celsius))
        phases = transform(held(celsius), seconds / (records.SAMPLES - 1))
        np.testing.assert_allclose(phases.bainite, target, rtol=1e-4)


def test_middle_of_the_plate_lags_as_conduction_demands():
    # Carslaw & Jaeger: a surface that cools at a constant rate R is R L² / (2 a) colder than the middle
    plate, rate = steel.Steel(), 5.0
    fall = jnp.linspace(870.0, 20.0, records.SAMPLES)
    end = quench(fall, 850.0 / rate)
    np.testing.assert_allclose(end.difference, rate * plate.half_thickness**2 / (2 * plate.diffusivity), rtol=1e-3)


def test_an_interrupted_quench_is_as_hard_as_a_steady_one_and_safer():
    time = jnp.linspace(0, 240, records.SAMPLES)
    direct = 25 + 845 * jnp.exp(-time / 12)
    hold = jnp.where(time < 60, 360 + 510 * jnp.exp(-time / 5), 25 + 335 * jnp.exp(-(time - 60) / 50))
    one, two = quench(direct, 240.0), quench(hold, 240.0)
    assert two.difference < one.difference / 2 and two.hardness > one.hardness - 40
    assert one.failed and not two.failed  # the steady one cracks


def test_value_of_a_charge_and_words_for_a_missing_simulator():
    assert battery.value(2.0, 44.0, 0.01) == 2.0
    np.testing.assert_allclose(battery.value(2.0, 47.0, -0.02), 2.0 - 0.2 - 0.2)
    with pytest.raises(ValueError, match="none negative"):
        battery.charge(-np.ones((1, records.SAMPLES)))
    with pytest.raises(RuntimeError, match="name the Python that has PyBaMM"):
        battery.charge(np.ones((1, records.SAMPLES)), python="python-that-is-not-there")


def test_table_of_charges_was_made_from_the_histories_that_are_drawn():
    histories, charged = battery.table()
    assert len(charged.value) == 1000 and 0.3 < charged.failed.mean() < 0.45
    ok = ~charged.failed
    amount = np.trapezoid(np.asarray(histories.values, float), dx=battery.SECONDS / (records.SAMPLES - 1)) / 3600
    np.testing.assert_allclose(charged.charge[ok], amount[ok], atol=2e-3)  # charge is the current's integral
    assert (charged.charge[~ok] < amount[~ok]).all() and charged.voltage[ok].max() <= 4.2001
    judged = battery.value(charged.charge, charged.temperature, charged.plating)
    np.testing.assert_allclose(charged.value[ok], judged[ok], atol=1e-5)
    assert np.isnan(charged.value[~ok]).all()
    warm = np.corrcoef((np.asarray(histories.values) ** 2).mean(1)[ok], charged.temperature[ok])[0, 1]
    assert charged.temperature.min() >= 25 and warm > 0.9  # Joule's heat
