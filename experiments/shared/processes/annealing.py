"""Annealing of a perovskite film: temperature histories of 1 to 60 minutes, judged by the quality of the film.

A wet film of CH₃NH₃PbI₃ dries, nucleates, grows, coarsens and, if it is hot for long, decomposes to PbI₂:

- The solvent leaves at a rate with the heat of vaporisation of dimethyl sulfoxide, 52.9 kJ/mol, and the solute's
  supersaturation S rises. Solubility rises with temperature.
- Nuclei form at the classical rate, ∝ exp(−E/RT) exp(−B/ln² S), and grow at ∝ exp(−E/RT) (1 − 1/S). Grains meet as in
  Kolmogorov's theory of a film, in moments of the grains' radii, so that at constant rates
  X = 1 − exp(−π I U² t³/3) (Kolmogorov 1937; Johnson & Mehl 1939; Avrami 1939). Moore et al., J. Am. Chem. Soc. 137,
  2350 (2015), describe perovskite films in this way.
- Grains coarsen parabolically, d(d²)/dt = K (Burke & Turnbull, Prog. Met. Phys. 3, 220 (1952)).
- The perovskite decomposes with an activation energy of 1.54 eV (Smecca et al., Phys. Chem. Chem. Phys. 18, 13413
  (2016)), by half in an hour at 150 °C.
- Quality is the product of the crystalline share, the share that is not decomposed, the share of solvent that has left,
  and the lifetime of carriers that recombine at grain boundaries against those in a large grain, d/(d + 1 µm).

Constants without a source (``Film``) are chosen so that a film held at 100 °C crystallises in about a minute, with
grains of some tenths of a µm. No history fails, because a decomposed film is worth nothing and the gradient is known
everywhere.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from experiments.shared.processes.integrate import rk4
from experiments.shared.processes.records import (
    Control,
    Histories,
    Measured,
    Process,
    log_uniform,
    mixed,
    places,
    uniform,
    wander,
)  # fmt: skip

CONTROL = Control("temperature", "°C", 25.0, 200.0)
SHORTEST, LONGEST = 60.0, 3600.0  # s
OUTCOMES = (
    Measured("value", "1", "quality of the film, between 0 and 1"),
    Measured("crystalline", "1", "crystalline share"),
    Measured("decomposed", "1", "decomposed share"),
    Measured("solvent", "1", "solvent left, of that at the start"),
    Measured("grain", "µm", "mean diameter of grains"),
)
FAMILIES = ("plateau", "two steps", "ramp", "flash", "wander")
GAS, ELECTRON_VOLT = 8.314462618, 96485.33212  # J/(mol K); J/mol
SUBSTEPS = 8
REFERENCE = 373.15  # K


class Film(NamedTuple):
    """Constants of a film; rates are those at 100 °C, energies in J/mol."""

    drying: float = 0.05  # 1/s
    drying_energy: float = 52_900.0
    driest: float = 0.05  # solvent that counts in the supersaturation when all has left
    dissolution_energy: float = 25_000.0
    nucleation: float = 2.0  # 1/(µm² s) without a barrier
    nucleation_energy: float = 40_000.0
    barrier: float = 10.0  # B
    growth: float = 0.02  # µm/s at large supersaturation
    growth_energy: float = 70_000.0
    coarsening: float = 1e-5  # µm²/s
    coarsening_energy: float = 100_000.0
    decomposition: float = 6.7e-7  # 1/s: by half in an hour at 150 °C
    decomposition_energy: float = 1.54 * ELECTRON_VOLT
    boundary: float = 1.0  # µm: diameter of grains at which half of the lifetime is lost


class Growing(NamedTuple):
    """State of a film: integrals that no step can drive out of their range."""

    dried: Any  # −ln of the solvent left
    nuclei: Any  # extended number of nuclei per area, 1/µm²
    radii: Any  # sum of their radii per area, 1/µm
    area: Any  # extended area of all grains per area
    grains: Any  # grains per area, 1/µm²
    decayed: Any  # −ln of the share that is not decomposed


class Annealed(NamedTuple):
    """A film after annealing: quality, crystalline and decomposed share, solvent left, diameter of grains in µm."""

    value: Any
    crystalline: Any
    decomposed: Any
    solvent: Any
    grain: Any


def arrhenius(rate: Any, energy: Any, kelvin: Any) -> Any:
    """Return a rate that is ``rate`` at 100 °C and has an activation ``energy`` in J/mol."""
    return rate * jnp.exp(-energy / GAS * (1 / kelvin - 1 / REFERENCE))


def supersaturation(film: Film, dried: Any, kelvin: Any) -> Any:
    """Return ln S of the solute: 0 in the wet film at 100 °C, rising as the solvent leaves and as the film cools."""
    solvent = film.driest + (1 - film.driest) * jnp.exp(-dried)
    return -jnp.log(solvent) + film.dissolution_energy / GAS * (1 / kelvin - 1 / REFERENCE)


def rates(film: Film, state: Growing, celsius: Any) -> Growing:
    """Return the time derivative of a film's state at a temperature."""
    kelvin = celsius + 273.15
    above = jnp.maximum(supersaturation(film, state.dried, kelvin), 1e-2)
    nucleation = arrhenius(film.nucleation, film.nucleation_energy, kelvin) * jnp.exp(-film.barrier / above**2)
    growth = arrhenius(film.growth, film.growth_energy, kelvin) * -jnp.expm1(-above)
    coarsening = arrhenius(film.coarsening, film.coarsening_energy, kelvin)
    free = jnp.exp(-state.area)
    return Growing(
        dried=arrhenius(film.drying, film.drying_energy, kelvin),
        nuclei=nucleation,
        radii=growth * state.nuclei,
        area=2 * jnp.pi * growth * state.radii,
        grains=nucleation * free - coarsening * state.grains**2 * (1 - free),
        decayed=arrhenius(film.decomposition, film.decomposition_energy, kelvin),
    )


def simulate(
    history: Float[Array, " samples"], duration: Any, film: Film | None = None, *, substeps: int = SUBSTEPS
) -> Annealed:
    """Anneal a wet film with a temperature ``history`` (°C) of a ``duration`` (s); differentiable in both."""
    film, zero = Film() if film is None else film, jnp.zeros((), history.dtype)
    end = rk4(lambda state, value: rates(film, state, value), Growing(*6 * (zero,)), history, duration, substeps)
    crystalline, decomposed, solvent = -jnp.expm1(-end.area), -jnp.expm1(-end.decayed), jnp.exp(-end.dried)
    grain = crystalline / jnp.sqrt(end.grains + 1e-6)
    lifetime = grain / (grain + film.boundary)
    value = crystalline * (1 - decomposed) * (1 - solvent) * lifetime
    return Annealed(value, crystalline, decomposed, solvent, grain)


def outcomes(history: Float[Array, " samples"], duration: Any) -> dict[str, Any]:
    """Return the outcomes by name, as ``experiments.process run --objective`` wants them."""
    end = simulate(history, duration)
    return {outcome.name: getattr(end, outcome.name) for outcome in OUTCOMES}


def draw(key: jax.Array, count: int) -> Histories:
    """Draw temperature histories from five families in equal shares, 25 to 200 °C, with durations of 1 to 60 minutes.

    A plateau approached and left exponentially; two steps; a ramp with a hold; a hot flash before a cooler hold; a
    smooth random curve.
    """
    each = -(-count // len(FAMILIES))
    keys = iter(jax.random.split(key, 24))
    unit = places()

    def draws(low: float, high: float) -> jax.Array:
        return uniform(next(keys), each, low, high)[:, None]

    def approach(start: Any, goal: Any, at: Any, pace: Any) -> jax.Array:
        """Leave ``start`` for ``goal`` at the time ``at``, exponentially, in units of the duration."""
        return goal + (start - goal) * jnp.exp(-jnp.maximum(unit - at, 0) / pace)

    room = CONTROL.low
    rising = approach(room, draws(60.0, 190.0), 0.0, draws(0.005, 0.2))
    left = jnp.clip((unit - draws(0.6, 1.0)) / draws(0.05, 0.4), 0, 1)
    plateau = rising + (room - rising) * left
    low, high = draws(30.0, 130.0), draws(80.0, 190.0)
    steps = approach(room, low, 0.0, 0.02) + approach(0.0, high - low, draws(0.1, 0.9), draws(0.005, 0.1))
    top = draws(60.0, 190.0)
    ramp = jnp.minimum(draws(25.0, 80.0) + draws(20.0, 400.0) * unit, top)
    hot, hold = draws(110.0, 200.0), draws(30.0, 130.0)
    flash = approach(hot, hold, draws(0.01, 0.2), draws(0.01, 0.1))
    smooth = draws(70.0, 150.0) + draws(10.0, 50.0) * wander(next(keys), each, 6)
    values, family = mixed([plateau, steps, ramp, flash, smooth])
    duration = log_uniform(next(keys), len(values), SHORTEST, LONGEST)
    return Histories(jnp.clip(values, CONTROL.low, CONTROL.high)[:count], duration[:count], family[:count])


PROCESS = Process("annealing", CONTROL, OUTCOMES, FAMILIES, draw)
