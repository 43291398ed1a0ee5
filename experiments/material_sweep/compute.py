"""Compute and record the landscapes, the campaigns, how their optima move, and what all cost."""

import numpy as np

from experiments.lab import runtime
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run, refuse_non_finite
from experiments.lab.summaries import quartiles
from experiments.material_sweep import card
from experiments.material_sweep.campaigns import Found, search
from experiments.material_sweep.config import PLANES, REFERENCE, Config
from experiments.material_sweep.landscapes import NEAR, Scores, landscapes, scores
from experiments.material_sweep.problem import Problem, problem_of, refuse_unstable

OF_LANE = ("material", "weight", "seed")
ARRAYS = {
    "coupling": Array(("material",), "model unit", "coupling K"),
    "depolarization": Array(("material",), "1", "depolarization strength"),
    "disorder": Array(("material",), "1", "strength of the defects, over that of the preset"),
    "temperature": Array(("material",), "K", "temperature, by the linear law of alpha1"),
    "plane": Array(("material",), "1", "plane of material space; −1 for the reference"),
    "weight": Array(("weight",), "model unit", "weight of the field's cost", coordinate=True),
    "growth": Array(("candidate",), "1", "growth of a history over a quarter of its time"),
    "frequency": Array(("candidate",), "1", "angular frequency of a history, in the same unit"),
    "amplitude": Array(("candidate",), "largest field", "largest field of a history"),
    "cost": Array(("candidate",), "1", "mean square of a history, in units of the largest field"),
    "local_field": Array(("seed", "component", "row", "column"), "model unit", "random field of the defects"),
    "curl": Array(("material", "seed", "candidate"), "model unit", "sum of |curl P| after the hold"),
    "chosen": Array((*OF_LANE, "evaluation"), "1", "history evaluated by the campaign"),
    "value": Array((*OF_LANE, "evaluation"), "model unit", "its objective: sum of |curl P| minus weight times cost"),
    "best": Array(OF_LANE, "model unit", "best objective of the campaign"),
    "history": Array(OF_LANE, "1", "history of the best objective of the campaign"),
    "regret": Array(OF_LANE, "1", "regret of the campaign over the landscape's range"),
    "near": Array(OF_LANE, "1", "campaign came within 2 % of the range"),
    "random_best": Array(OF_LANE, "model unit", "expected best objective of as many random histories"),
    "random_regret": Array(OF_LANE, "1", "their expected regret over the range"),
    "random_near": Array(OF_LANE, "1", "their chance to come within 2 % of the range"),
    "optimum": Array(OF_LANE, "model unit", "best objective of all histories"),
    "optimal_history": Array(OF_LANE, "1", "the history that has it"),
    "reference_loss": Array(OF_LANE, "1", "regret over the range of the history that is best in the reference"),
    "others_loss": Array(OF_LANE, "1", "mean regret over the range of histories that are best with other defects"),
}


def check(config: Config) -> None:
    """ValueError for materials that the time step cannot carry, before anything is written."""
    refuse_unstable(problem_of(config))


def compute(run: Run, config: Config) -> None:
    """Go through the stages."""
    with run.stage("materials"):
        problem = problem_of(config)
        record_problem(run, problem)
    pairs = len(problem.materials.coupling) * config.seeds
    with run.stage("landscapes"), run.progress(pairs, "landscape") as bar:
        curl = landscapes(problem, advance(bar))
        run.add_all(ARRAYS, {"curl": curl})
    with run.stage("campaigns"), run.progress(config.campaigns, "campaign") as bar:
        found = search(problem, run.folder / "jobs", advance(bar))
        refuse_non_finite("a campaign's objective", found.value, ("campaign", "evaluation"))
        record_costs(run, problem, found)
    with run.stage("scores"):
        scored = scores(problem, curl, found)
        record_scores(run, problem, found, scored)
        live = np.take_along_axis(curl.repeat(len(config.weights), 0).reshape(config.campaigns, -1), found.history, 1)
        weight = np.tile(np.repeat(config.weights, config.seeds), len(curl))[:, None]
        again = live - weight * problem.histories.cost[found.history]
        run.record(live_against_landscape_max_difference=np.abs(found.value - again).max())


def record_problem(run: Run, problem: Problem) -> None:
    """Record materials, histories and defects."""
    config, histories = problem.config, problem.histories
    growth, frequency, amplitude = histories.inputs.T
    run.add_all(
        ARRAYS,
        {
            **problem.materials._asdict(),
            "plane": np.concatenate([[-1], np.repeat(np.arange(len(PLANES)), config.points**2)]),
            "weight": np.array(config.weights),
            "growth": growth,
            "frequency": frequency,
            "amplitude": np.exp(amplitude),
            "cost": histories.cost,
            "local_field": problem.defects,
        },
    )
    run.record(
        campaigns=config.campaigns,
        materials=len(problem.materials.coupling),
        seeds=config.seeds,
        candidates=config.candidates,
        evaluations=config.evaluations,
        near_share=NEAR,
        largest_field_model_units=problem.setup.field_scale * problem.setup.coercive_field,
        **{f"reference_{axis}": value for axis, value in REFERENCE.items()},
    )


def record_scores(run: Run, problem: Problem, found: Found, scored: Scores) -> None:
    """Record what the campaigns found, and summaries by weight over all materials and seeds."""
    shape = scored.best.shape
    run.add_all(ARRAYS, {"chosen": found.history.reshape(*shape, -1), "value": found.value.reshape(*shape, -1)})
    run.add_all(ARRAYS, scored._asdict())
    for number, weight in enumerate(problem.config.weights):
        stem = f"weight_{weight:g}"
        for name in ("regret", "random_regret", "reference_loss", "others_loss"):
            run.record(**quartiles(f"{stem}_{name}", getattr(scored, name)[:, number].ravel()))
        run.record(**{
            f"{stem}_near_share": scored.near[:, number].mean(),
            f"{stem}_random_near_share": scored.random_near[:, number].mean(),
            f"{stem}_same_history_as_reference_share": np.mean(
                scored.optimal_history[1:, number] == scored.optimal_history[:1, number]
            ),
        })  # fmt: skip


def record_costs(run: Run, problem: Problem, found: Found) -> None:
    """Record the counted work of the campaigns, and what a model of a card makes of it."""
    setup, config = problem.setup, problem.config
    fits = found.fit_evaluations.sum(1)
    work = card.Work(
        config.campaigns,
        config.evaluations,
        setup.drive_steps + setup.hold_steps,
        setup.lattice.sites,
        int(fits.max()),
        int(fits.sum()),
        config.evaluations,
    )
    seconds = card.modelled(work)
    run.record(
        devices_used=len(runtime.devices()),
        site_updates_per_campaign=work.site_updates / config.campaigns,
        likelihood_evaluations_per_campaign=work.fits / config.campaigns,
        card_simulation_model_s=seconds.simulation,
        card_fits_model_s=seconds.fits,
    )
