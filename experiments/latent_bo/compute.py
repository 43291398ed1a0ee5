"""Compute the main job stage by stage, and record what each stage returns."""

from typing import Any

import numpy as np

import bo
import ferro_jax as ferro
from experiments.lab import scores, summaries
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run, refuse_non_finite
from experiments.latent_bo import arrays, campaigns, resimulation
from experiments.latent_bo.config import Config
from experiments.shared.explorer.decoder import decoder_of
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.latent_map import LatentMap, Lattices, Simulated
from models.latent import Pool

SHOWN = 9  # training histories in the report


def compute(run: Run, config: Config) -> None:
    """Learn field histories, simulate a grid of them, search it, and simulate the best again."""
    keys = setups.keys(config.seed)
    with run.stage("histories"):
        data = histories.draw(keys["data"], config)
        record_histories(run, data)
    with run.stage("vae"):
        with run.progress(config.epochs, "epoch") as bar:
            family = histories.learn(keys, data, config, advance(bar))
        record_vae(run, family)
    with run.stage("latent_grid"):
        cells = latent_map.decode_grid(family.learned, config)
        record_cells(run, cells)
    with run.stage("map"):
        lattices = latent_map.lattices(keys)
        record_lattices(run, lattices)
        simulated = {}
        with run.progress(len(latent_map.VARIANTS) * len(cells.z), "history") as bar:
            for name in latent_map.VARIANTS:
                simulated[name] = latent_map.simulate(lattices, name, cells.histories, advance(bar, bar.n))
        record_map(run, cells, lattices, simulated)
        problem = LatentMap(cells, lattices, {name: ends.target for name, ends in simulated.items()})
    with run.stage("campaigns"):
        with run.progress(config.campaigns * config.evaluations, "evaluation") as bar:
            folder = run.folder / "jobs"
            outcome = campaigns.search(keys["campaign"], family.learned, problem, config, folder, bar)
        record_campaigns(run, outcome, problem, config)
    with run.stage("baselines"):
        with run.progress(2 * config.campaigns * config.evaluations, "evaluation") as bar:
            baselines = campaigns.baselines(keys["campaign"], problem, config, bar)
        for name, each in baselines.items():
            record_method(run, name, each, problem)
    with run.stage("honesty"):
        groups = resimulation.groups_of(outcome.info.index, outcome.info.value)
        record_resimulation(run, groups, resimulation.simulate_again(keys, problem, groups), problem)


def record_histories(run: Run, data: ferro.Oscillations) -> None:
    """Record the training histories with their generating parameters."""
    parameters = {name: getattr(data, name) for name in ("amplitude", "growth", "frequency", "offset")}
    curves = {"training_curve": data.curves, "training_curve_clean": data.clean[:SHOWN]}
    run.add_all(arrays.HISTORIES, {**curves, **parameters})
    run.record(trajectories=len(data.curves), noise_rms=float(np.std(data.curves - data.clean)))


def record_vae(run: Run, family: histories.Family) -> None:
    """Record losses by epoch, quality on fresh histories, the decoder, and the latents of the training histories."""
    learned, held_out = family
    for part, terms in (("train", learned.losses.train), ("validation", learned.losses.validation)):
        for term, values in terms.items():
            if term != "loss":  # the negative ELBO, which is a term of its own
                units = "1" if term == "rmse" else "nats per curve"
                run.add(f"vae_{part}_{term}", values, Array(("epoch",), units, f"{part}: {term.replace('_', ' ')}"))
    run.record(
        vae_held_out_negative_elbo_nats_per_curve=held_out["negative_elbo"],
        vae_held_out_reconstruction_nats_per_curve=held_out["reconstruction"],
        vae_held_out_kl_nats_per_curve=held_out["kl"],
        vae_held_out_rmse=held_out["rmse_mean"],
        vae_train_negative_elbo_nats_per_curve=learned.losses.train["loss"][-1],
        latent_extent=np.abs(learned.mean).max(),
    )
    for number, layer in enumerate(decoder_of(learned).layers):
        values = {f"decoder_{part}_{number}": part_of for part, part_of in zip(("kernel", "bias"), layer, strict=True)}
        run.add_all(arrays.DECODER, values)
    run.add_all(arrays.LATENTS, {"latent_mean": learned.mean, "latent_std": learned.std})


def record_cells(run: Run, cells: Pool) -> None:
    """Record the grid, its decoded histories and the training support."""
    names = {"latent": cells.z.astype(float), "decoded_curve": cells.histories, "inside_support": cells.inside}
    run.add_all(arrays.CELLS, names)
    run.record(inside_support_share=cells.inside.mean(), decoded_peak=np.abs(cells.histories).max())


def record_lattices(run: Run, lattices: Lattices) -> None:
    """Record all that is needed, beside the decoded histories, to simulate the map again without this code."""
    lecture, physical = lattices.setups["lecture"], lattices.setups["physical"]
    run.add_all(
        arrays.SIMULATIONS,
        {
            "subset": latent_map.moving_sites(lattices, lecture.drive_steps + lecture.hold_steps),
            "local_field": lecture.coercive_field * lattices.defects,
            "local_field_physical": physical.coercive_field * lattices.defects,
        },
    )
    for setup in (lecture, physical):
        run.record(**{f"{setup.name}_field_unit_model_units": setup.coercive_field})
        run.results.attrs.update(setups.attributes(setup))


def record_map(run: Run, cells: Pool, lattices: Lattices, simulated: dict[str, Simulated]) -> None:
    """Record the maps of all variants, their correlation, and how the best cells lie in the training support."""
    targets, inside = {name: ends.target for name, ends in simulated.items()}, cells.inside
    run.add_all(arrays.SIMULATIONS, {f"target_{name}": values for name, values in targets.items()})
    truth, others = targets["lecture"], {name: targets[name] for name in ("synchronous", "physical")}
    settle = lattices.setups["physical"].settle
    if settle is not None:
        run.record(physical_settled_share=np.mean(simulated["physical"].residual < settle.tolerance))
    run.record(
        cells=len(truth),
        map_min=truth.min(),
        map_median=np.median(truth),
        map_max=truth.max(),
        **{f"map_p{level}": np.percentile(truth, level) for level in (90, 95, 99)},
        map_max_inside_support=truth[inside].max() if inside.any() else float("nan"),
        top_1_percent_inside_support_share=inside[scores.top_cells(truth, 0.01)].mean(),
        hold_steps=lattices.setups["lecture"].hold_steps,
    )
    for name, values in others.items():
        run.record(**{f"map_correlation_lecture_{name}": np.corrcoef(truth, values)[0, 1]})
        if inside.sum() > 1:
            within = np.corrcoef(truth[inside], values[inside])[0, 1]
            run.record(**{f"map_correlation_lecture_{name}_inside_support": within})


def record_campaigns(run: Run, outcome: campaigns.Outcome, problem: LatentMap, config: Config) -> None:
    """Record the campaigns, their predictions and hyperparameters. RunError for values that are not finite."""
    info = outcome.info
    refuse_non_finite("a campaign's objective", info.value, ("seed", "evaluation"))
    record_method(run, "campaign", outcome, problem)
    hyperparameters = {f"gp_{name}": values for name, values in info.params.kernel[0].items()}
    predicted = {name: getattr(info, name.removeprefix("predicted_")) for name in ("predicted_mean", "predicted_std")}
    run.add_all(
        arrays.CAMPAIGN,
        {**predicted, "z_score": info.z_score, **hyperparameters, "gp_noise": info.params.noise},
    )
    z_score = info.z_score[:, config.initial_points :]
    run.record(
        live_against_map_max_difference=np.abs(info.value - problem.truth[info.index]).max(),
        campaign_z_within_1_96_share=np.mean(np.abs(z_score) < 1.96),
        campaign_z_within_own_widths_share=np.mean(np.abs(z_score) <= bo.half_widths(z_score)[:, :-1]),
        campaign_inside_support_share=problem.cells.inside[info.index].mean(),
        campaign_gram_retries=int(info.retries.sum()),
        seeds=config.campaigns,
        evaluations=config.evaluations,
        initial_points=config.initial_points,
    )


def record_method(run: Run, method: str, outcome: campaigns.Outcome, problem: LatentMap) -> None:
    """Record what a method's seeds chose, and their scores; the campaign's arrays have no prefix."""
    scored = campaigns.score(outcome, problem.truth)
    run.add_all(arrays.METHOD, scored.paths, prefix="" if method == "campaign" else f"{method}_")
    for name, values in scored.ends.items():
        run.record(**summaries.quartiles(f"{method}_{name}", values))


def record_resimulation(
    run: Run, groups: dict[str, np.ndarray], again: dict[str, resimulation.Again], problem: LatentMap
) -> None:
    """Record the target of both groups of cells while the field is held, and what is left of their difference."""
    curl = {name: variant.curl for name, variant in again.items()}
    count, longest = len(groups["best"]), resimulation.HOLDS[-1]
    rows = {"best": slice(None, count), "middle": slice(count, None)}
    names = np.array(list(again), dtype=object)
    run.add_all(arrays.RESIMULATION, {"hold": np.arange(longest + 1), "variant": names})
    for group, cells in groups.items():
        stacked = np.stack([values[rows[group]] for values in curl.values()])
        run.add_all(arrays.RESIMULATION, {f"honesty_{group}_cell": cells, f"honesty_{group}": stacked})
        for name, values in curl.items():
            means = values[rows[group]].mean(0)
            run.record(**{f"honesty_{group}_{name}_hold{hold}_mean": means[hold] for hold in resimulation.HOLDS})
        run.record(**{f"honesty_{group}_physical_mean": problem.targets["physical"][cells].mean()})
    first = resimulation.HOLDS[0]
    for name, hold in (("same_subsets", first), ("same_subsets", longest), ("synchronous", first)):
        gap = curl[name][rows["best"], hold].mean() - curl[name][rows["middle"], hold].mean()
        run.record(**{f"honesty_best_minus_middle_{name}_hold{hold}": gap})
    difference = curl["same_subsets"][:, first] - curl["other_subsets"][:, first]
    run.record(honesty_subset_seed_rms_difference=np.sqrt(np.mean(difference**2)), best_cell=int(groups["best"][0]))
    best = problem.cells.histories[groups["best"][:1]]
    run.add_all(arrays.RESIMULATION, {"best_applied_field": latent_map.applied_fields(problem.lattices, best)[0]})
    setup = problem.lattices.setups["lecture"]
    for name, label in (("same_subsets", "best"), ("synchronous", "best_synchronous")):
        end = again[name].polarization[0]
        final: dict[str, Any] = {
            f"{label}_polarization": end,
            f"{label}_curl": ferro.curl(end, setup.curl_boundary, setup.curl_x_axis),
        }
        run.add_all(arrays.RESIMULATION, final)
