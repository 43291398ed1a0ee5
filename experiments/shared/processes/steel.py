"""Quenching of a steel plate: temperature histories of its surface, judged by hardness and by the risk of cracks.

A plate of AISI 4140, 20 mm thick, cools from 870 °C. The history is the temperature of its surface; the middle follows
by the slowest mode of heat conduction. There austenite becomes ferrite, pearlite, bainite and martensite:

- Ferrite, pearlite and bainite by the kinetics of Li, Niebuhr, Meekisho & Atteridge, Metall. Mater. Trans. B 29, 661
  (1998): u' = 2^(nG) (T_s − T)^m exp(−Q/RT)/C for the time in units of each reaction, and the share X reached without
  competition from u = ∫₀^X dx / (x^(0.4(1−x)) (1−x)^(0.4x)). Each takes its share of the austenite that is left.
- Martensite by Koistinen & Marburger, Acta Metall. 7, 59 (1959): exp(−0.011 (Ms − T)) is left at the lowest T so far.
- Start temperatures: Ae1, Ae3 of Grange (Metal Progress 79, 73 (1961)), Bs of Li et al., Ms of Andrews (J. Iron Steel
  Inst. 203, 721 (1965)). Vickers hardness by the rules of Maynier et al. (1978), as Li et al. use them.

Surface and middle differ in temperature by up to ``difference`` once the surface is below Ms: there it becomes
martensite, hard and larger, before the middle does, which cracks plates. Interrupting the quench above Ms until both
are equal (martempering) avoids it, if bainite leaves the time. A history fails (NaN) where ``difference`` exceeds 150 K
(the plate cracks) or where more than a tenth of the austenite is left (it is not through). Tempering is left out:
martensite keeps its hardness however slowly it cools on.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.shared.processes.integrate import between
from experiments.shared.processes.records import (
    Control,
    Histories,
    Measured,
    Process,
    log_uniform,
    mixed,
    places,
    uniform,
)  # fmt: skip

CONTROL = Control("temperature", "°C", 20.0, 870.0)
SHORTEST, LONGEST = 20.0, 7200.0  # s
OUTCOMES = (
    Measured("value", "HV", "hardness in the middle less 2 HV for each K of difference above 50 K; NaN if failed"),
    Measured("hardness", "HV", "Vickers hardness in the middle of the plate"),
    Measured("difference", "K", "largest difference of middle and surface while the surface is below Ms"),
    Measured("austenite", "1", "austenite left in the middle"),
)
FAMILIES = ("bath", "interrupted", "two rates", "straight", "irregular")
CRACKS, UNFINISHED = 150.0, 0.1  # K; share of austenite
ALLOWED, PER_KELVIN = 50.0, 2.0  # K; HV/K
SUBSTEPS = 8


class Steel(NamedTuple):
    """Composition in per cent by weight (AISI 4140, middle of its ranges), ASTM grain size, and the plate."""

    C: float = 0.40
    Mn: float = 0.875
    Si: float = 0.225
    Ni: float = 0.0
    Cr: float = 0.95
    Mo: float = 0.20
    grain: float = 8.0
    half_thickness: float = 0.010  # m
    diffusivity: float = 6.0e-6  # m²/s, of austenite near 600 °C
    start: float = 870.0  # °C


class Phases(NamedTuple):
    """Shares of the phases; they sum to 1."""

    austenite: Any
    ferrite: Any
    pearlite: Any
    bainite: Any
    martensite: Any


class Quenched(NamedTuple):
    """A quenched plate. ``value`` is NaN where ``failed``; the other outcomes are kept."""

    value: Any
    hardness: Any  # HV
    difference: Any  # K
    austenite: Any
    phases: Phases
    failed: Any


class Reaction(NamedTuple):
    """A reaction of Li et al.: it runs between two temperatures (°C), slower by ``slowness``."""

    start: Any
    end: Any
    slowness: Any
    exponent: int


def reactions(steel: Steel) -> tuple[Reaction, Reaction, Reaction, Any]:
    """Return ferrite, pearlite and bainite, and Ms in °C."""
    C, Mn, Si, Ni, Cr, Mo, grain, *_ = steel
    ae3 = (1570 - 323 * C - 25 * Mn + 80 * Si - 32 * Ni - 3 * Cr - 32) * 5 / 9
    ae1 = (1333 - 25 * Mn + 40 * Si - 26 * Ni + 42 * Cr - 32) * 5 / 9
    bs = 637 - 58 * C - 35 * Mn - 15 * Ni - 34 * Cr - 41 * Mo
    ms = 539 - 423 * C - 30.4 * Mn - 17.7 * Ni - 12.1 * Cr - 7.5 * Mo
    ferrite = jnp.exp(1.0 + 6.31 * C + 1.78 * Mn + 0.31 * Si + 1.12 * Ni + 2.70 * Cr + 4.06 * Mo) / 2 ** (0.41 * grain)
    pearlite = jnp.exp(-4.25 + 4.12 * C + 4.36 * Mn + 0.44 * Si + 1.71 * Ni + 3.33 * Cr + 5.19 * jnp.sqrt(Mo))
    bainite = jnp.exp(-10.23 + 10.18 * C + 0.85 * Mn + 0.55 * Ni + 0.90 * Cr + 0.36 * Mo) / 2 ** (0.29 * grain)
    return (
        Reaction(ae3, bs, ferrite, 3),
        Reaction(ae1, bs, pearlite / 2 ** (0.32 * grain), 3),
        Reaction(bs, ms, bainite, 2),
        ms,
    )


def pace(reaction: Reaction, celsius: Any) -> Any:
    """Return u' of a reaction in 1/s: 0 outside its range of temperatures."""
    below = jnp.maximum(reaction.start - celsius, 0.0)
    activation = jnp.exp(-27_500 / (1.987 * (celsius + 273.15)))
    return jnp.where(celsius > reaction.end, below**reaction.exponent * activation / reaction.slowness, 0.0)


def _untransformed() -> tuple[np.ndarray, np.ndarray]:
    """Return a table of u and −ln(1 − X), from the integral of Li et al., with points close together at both ends."""
    unit = np.linspace(0, 1, 4001)
    place = unit**3 * (10 + unit * (6 * unit - 15))  # smooth, with three zero derivatives at both ends
    middle, width = (place[1:] + place[:-1]) / 2, np.diff(place)
    steps = width / (middle ** (0.4 * (1 - middle)) * (1 - middle) ** (0.4 * middle))
    time = np.concatenate([[0.0], steps.cumsum()])[:-1]
    return time[::4], -np.log1p(-place[:-1])[::4]


TIME, USED = _untransformed()


def simulate(
    history: Float[Array, " samples"], duration: Any, steel: Steel | None = None, *, substeps: int = SUBSTEPS
) -> Quenched:
    """Quench a plate with a surface ``history`` (°C) of a ``duration`` (s); differentiable in both."""
    steel = Steel() if steel is None else steel
    *diffusive, ms = reactions(steel)
    grid, step = between(history, duration, substeps)
    surface = jnp.concatenate([history[:1], grid[:, 1:].reshape(-1)])
    lag = 4 * steel.half_thickness**2 / (jnp.pi**2 * steel.diffusivity)
    remaining, drop = jnp.exp(-step / lag), steel.half_thickness**2 / (2 * steel.diffusivity)

    def conduct(difference: Any, fall: Any) -> tuple[Any, Any]:
        after = remaining * difference + drop * fall / step * (1 - remaining)
        return after, after

    falls = surface[:-1] - surface[1:]
    first = steel.start - surface[0]
    _, differences = jax.lax.scan(conduct, first, falls)
    differences = jnp.concatenate([first[None], differences])
    middle = surface + differences
    phases = transform(middle, step, diffusive, ms)
    hardness = vickers(phases, log_rate(middle, step), steel)
    difference = jnp.max(jnp.where(surface < ms, jnp.abs(differences), 0.0))
    failed = (difference > CRACKS) | (phases.austenite > UNFINISHED)
    value = hardness - PER_KELVIN * jnp.maximum(difference - ALLOWED, 0.0)
    return Quenched(jnp.where(failed, jnp.nan, value), hardness, difference, phases.austenite, phases, failed)


def transform(celsius: Float[Array, " steps"], step: Any, diffusive: Sequence[Reaction], ms: Any) -> Phases:
    """Return the phases at the end of a temperature history with equal time ``step`` s, from pure austenite.

    Each step takes from the austenite what the four reactions would each take alone, as exponents that add, so that the
    shares always sum to 1.
    """
    used = []
    for reaction in diffusive:
        speed = pace(reaction, celsius)
        time = jnp.cumsum((speed[1:] + speed[:-1]) / 2) * step
        used.append(jnp.diff(jnp.interp(time, TIME, USED), prepend=0.0))
    lowest = jnp.minimum(jax.lax.cummin(celsius), ms)
    used.append(0.011 * (lowest[:-1] - lowest[1:]))
    parts = jnp.stack(used, 1)  # [steps, reactions]
    total = parts.sum(1)
    left = jnp.exp(-jnp.concatenate([jnp.zeros(1, total.dtype), total.cumsum()]))
    share = parts / jnp.where(total > 0, total, 1.0)[:, None]
    made = (-jnp.diff(left)[:, None] * share).sum(0)
    return Phases(left[-1], *made)


def log_rate(celsius: Float[Array, " steps"], step: Any) -> Any:
    """Return log10 of the cooling rate near 700 °C in °C/h: falling temperature over time, within about 50 °C of it."""
    weight = jnp.exp(-((((celsius[1:] + celsius[:-1]) / 2 - 700) / 50) ** 2)) + 1e-12
    rate = (weight * jnp.maximum(celsius[:-1] - celsius[1:], 0.0)).sum() / (weight.sum() * step)
    return jnp.log10(jnp.maximum(3600 * rate, 10.0))


def vickers(phases: Phases, log_rate: Any, steel: Steel) -> Any:
    """Return Maynier's hardness of a mixture in HV; ``log_rate`` is log10 of °C/h at 700 °C, austenite counts 200."""
    C, Mn, Si, Ni, Cr, Mo, *_ = steel
    martensite = 127 + 949 * C + 27 * Si + 11 * Mn + 8 * Ni + 16 * Cr + 21 * log_rate
    bainite = -323 + 185 * C + 330 * Si + 153 * Mn + 65 * Ni + 144 * Cr + 191 * Mo
    bainite += (89 + 53 * C - 55 * Si - 22 * Mn - 10 * Ni - 20 * Cr - 33 * Mo) * log_rate
    pearlite = 42 + 223 * C + 53 * Si + 30 * Mn + 12.6 * Ni + 7 * Cr + 19 * Mo
    pearlite += (10 - 19 * Si + 4 * Ni + 8 * Cr) * log_rate
    hard = phases.martensite * martensite + phases.bainite * bainite
    return hard + (phases.ferrite + phases.pearlite) * pearlite + 200 * phases.austenite


def outcomes(history: Float[Array, " samples"], duration: Any) -> dict[str, Any]:
    """Return the outcomes by name, as ``experiments.process run --objective`` wants them."""
    end = simulate(history, duration)
    return {outcome.name: getattr(end, outcome.name) for outcome in OUTCOMES}


def draw(key: jax.Array, count: int) -> Histories:
    """Draw surface histories from five families in equal shares, from 870 °C down, lasting 20 s to 2 hours.

    Exponential cooling in a bath; a quench interrupted by a hold between 200 and 600 °C; two straight parts; one
    straight line; irregular falls. Most end below 120 °C.
    """
    each = -(-count // len(FAMILIES))
    keys = iter(jax.random.split(key, 24))
    unit = places()

    def draws(low: float, high: float) -> jax.Array:
        return uniform(next(keys), each, low, high)[:, None]

    top = CONTROL.high
    final = draws(20.0, 80.0)
    bath = final + (top - final) * jnp.exp(-unit / log_uniform(next(keys), each, 0.03, 0.4)[:, None])
    hold, first = draws(200.0, 600.0), draws(0.01, 0.15)
    quench = hold + (top - hold) * jnp.exp(-unit / (first / 3))
    leave, last = draws(0.15, 0.85), draws(20.0, 100.0)
    interrupted = last + (quench - last) * jnp.exp(-jnp.maximum(unit - leave, 0) / draws(0.02, 0.2))
    knee, height, low = draws(0.05, 0.95), draws(150.0, 750.0), draws(20.0, 120.0)
    two = jnp.where(
        unit < knee, top + (height - top) * unit / knee, height + (low - height) * (unit - knee) / (1 - knee)
    )
    end = draws(20.0, 160.0)
    straight = top + (end - top) * jnp.minimum(unit / draws(0.3, 1.0), 1)
    fall = jnp.exp(1.5 * jax.random.normal(next(keys), (each, 12), jnp.float32))
    path = jnp.concatenate([jnp.zeros((each, 1), jnp.float32), fall.cumsum(1) / fall.sum(1, keepdims=True)], 1)
    curve = jax.vmap(lambda values: jnp.interp(unit[0], jnp.linspace(0, 1, 13), values))(path)
    irregular = top + (draws(20.0, 120.0) - top) * curve
    values, family = mixed([bath, interrupted, two, straight, irregular])
    duration = log_uniform(next(keys), len(values), SHORTEST, LONGEST)
    return Histories(jnp.clip(values, CONTROL.low, CONTROL.high)[:count], duration[:count], family[:count])


PROCESS = Process("steel", CONTROL, OUTCOMES, FAMILIES, draw)
