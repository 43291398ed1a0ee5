"""Charge a simulated cell with PyBaMM: read current histories from a file, write what happened to another.

    python battery_worker.py HISTORIES.npz OUTCOMES.npz
    python battery_worker.py HISTORY.csv    # one history (time in s, current in A); prints its outcomes as JSON

A program of its own, run by its path: it needs PyBaMM and NumPy and nothing of this project, so that it can run in
another environment than JAX. ``HISTORIES.npz`` holds ``current`` [n samples], A, charging positive, and ``seconds``,
the time from the first sample to the last. The current between samples is linear. The second form is for
``experiments.process run --command``; the charge of a cell that was cut off is null there.

The cell is PyBaMM's single-particle model with electrolyte (SPMe; Marquis et al., J. Electrochem. Soc. 166, A3693
(2019)) with a lumped thermal model and the parameters ``OKane2022`` (O'Kane et al., Phys. Chem. Chem. Phys. 24, 7909
(2022)) of the 5 Ah cell LG M50 (Chen et al., J. Electrochem. Soc. 167, 080534 (2020)). It starts at rest at 25 °C
with 10 % of its charge, in air of 25 °C (heat transfer 10 W/(m² K)). Plating itself is not simulated: the margin is
the smallest potential of the negative electrode against lithium, at the separator, where plating begins.
"""

import json
import sys

import numpy as np
import pybamm  # pyright: ignore[reportMissingImports]

STATE_OF_CHARGE = 0.1
OUTCOMES = ("charge", "temperature", "plating", "voltage", "end")
VARIABLES = (
    "Discharge capacity [A.h]",
    "Volume-averaged cell temperature [C]",
    "Negative electrode surface potential difference at separator interface [V]",
    "Voltage [V]",
)


def simulation(samples, seconds):
    """Return ``solve(current) -> solution``; the current is an input, so that the model is built once."""
    pybamm.set_logging_level("ERROR")
    step = seconds / (samples - 1)
    places = pybamm.Vector(np.linspace(0, seconds, samples))

    def current(time):
        """Return the discharge current: the interpolated history as a sum of hat functions."""
        hats = pybamm.maximum(1 - abs(time - places) / step, 0)
        history = pybamm.InputParameter("history", expected_size=samples)
        return -pybamm.Index(pybamm.MatrixMultiplication(pybamm.Matrix(np.ones((1, samples))), hats * history), 0)

    values = pybamm.ParameterValues("OKane2022")
    values["Current function [A]"] = current
    # half a sample between steps at most, because a longer one could pass over a pulse
    solver = pybamm.IDAKLUSolver(rtol=1e-4, atol=1e-6, options={"dt_max": step}, output_variables=list(VARIABLES))
    model = pybamm.lithium_ion.SPMe({"thermal": "lumped"})
    cell = pybamm.Simulation(model, parameter_values=values, solver=solver)
    times = np.linspace(0, seconds, samples)

    def solve(history):
        return cell.solve(t_eval=[0, seconds], t_interp=times, inputs={"history": history}, initial_soc=STATE_OF_CHARGE)

    return solve


def charge(current, seconds):
    """Charge one cell with each row of ``current`` [n samples], A; return arrays [n] by name.

    ``charge`` (Ah), ``temperature`` (largest, °C), ``plating`` (smallest potential against lithium, V), ``voltage``
    (largest, V), ``end`` (s: earlier than ``seconds`` where the cell reached 4.2 V, or another limit, and was cut off),
    ``failed``. What a failed cell did until its end is kept; NaN where the solver found no solution at all.
    """
    solve = simulation(current.shape[1], seconds)
    rows = np.full((len(current), len(OUTCOMES)), np.nan)
    failed = np.ones(len(current), bool)
    for number, history in enumerate(current):
        try:
            solution = solve(history)
        except pybamm.SolverError as problem:
            print(f"history {number}: {problem}", file=sys.stderr)
            continue
        discharge, temperature, potential, voltage = (solution[name].entries for name in VARIABLES)
        rows[number] = -discharge[-1], temperature.max(), potential.min(), voltage.max(), solution.t[-1]
        failed[number] = solution.termination != "final time"
    return {**dict(zip(OUTCOMES, rows.T, strict=True)), "failed": failed}


def of_csv(path):
    """Return the outcomes of one history of a CSV file (time, current), by name; ``charge`` is None if it failed."""
    time, current = np.genfromtxt(path, delimiter=",", skip_header=1, unpack=True)
    outcomes = charge(current[None], float(time[-1] - time[0]))
    named = {name: float(outcomes[name][0]) for name in OUTCOMES}
    return {**named, "charge": None} if outcomes["failed"][0] else named


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(of_csv(sys.argv[1])))
    else:
        with np.load(sys.argv[1]) as file:
            np.savez(sys.argv[2], **charge(np.asarray(file["current"], float), float(file["seconds"])))
