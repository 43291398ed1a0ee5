"""Go from a scan of loops to maps, clusters, predictions and campaigns, and record all."""

import jax
import numpy as np

from experiments.datasets import cleaning
from experiments.datasets import loops as datasets
from experiments.datasets.loops import PARAMETERS, Loops
from experiments.lab import training
from experiments.lab.progress import advance
from experiments.lab.run import Outcome, Run
from experiments.switching_loops import arrays, forms, neighbourhoods, parameters
from experiments.switching_loops.config import Config

LEAST = 100  # points whose loops are known


def compute(run: Run, config: Config) -> None:
    """Go through the stages."""
    to_vae, to_patches, to_campaigns = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        loops = loops_of(config)
        bad = cleaning.bad_samples(loops.response)
        kept = ~cleaning.broken_points(bad)
        table = arrays.described(loops)
        run.keep(table, cleaned(loops, bad, kept))
        own, holes = loops.response[kept], bad[kept]
        whole = cleaning.filled(own, holes)
    with run.stage("loops"):
        fitted_loops = parameters.fit(own, holes, loops.bias)
        area = datasets.area(whole, loops.bias)
        of_loops = {**fitted_loops.parameters, "explained": fitted_loops.explained, "area": area}
        run.add_all(table, {name: on_scan(values, kept) for name, values in of_loops.items()})
        run.record(explained_median=np.median(fitted_loops.explained), **against_truth(loops, kept, of_loops))
    with run.stage("vae"), run.progress(config.epochs, "epoch") as bar:
        form = forms.forms_of(own, holes)
        fitted, held = forms.learn(to_vae, form, config, advance(bar))
        training.record(run, "vae", fitted)
        latents = forms.encoded(fitted, form)
        run.keep(table, forms.judged(fitted, form, held, latents, fitted_loops.parameters))
        run.add_all(table, forms.manifold(fitted, latents[0]))
        run.add("latent", on_scan(latents[0], kept), table["latent"])
    with run.stage("clusters"):
        found, means, count = forms.clusters(latents[0], form, config.seed)
        run.add("cluster", np.nan_to_num(on_scan(found.astype(float), kept), nan=-1).astype(int), table["cluster"])
        run.add("cluster_loop", means, table["cluster_loop"])
        run.record(clusters=count)
    points = neighbourhoods.points_of(np.asarray(run.results["image"]), kept, config.patch)
    with run.stage("image_to_loop"):
        run.keep(table, neighbourhoods.image_to_loop(to_patches, points, form, kept.shape[1], config))
    with run.stage("campaigns"), run.progress(len(neighbourhoods.STRATEGIES) - 1, "set of campaigns") as bar:
        run.keep(table, neighbourhoods.campaigns(to_campaigns, points, area, config, bar.update))


def check(config: Config) -> None:
    """Raise a ValueError for a file that cannot be used, before anything is written."""
    loops = loops_of(config)
    kept = ~cleaning.broken_points(cleaning.bad_samples(loops.response))
    needed = max(LEAST, config.evaluations + 1)
    if kept.sum() < needed:
        raise ValueError(
            f"{loops.source}: {kept.sum()} of {kept.size} points have a loop with fewer than "
            f"{100 * cleaning.BROKEN:.0f} % bad samples, {needed} are needed: lower --steps, or give a larger scan"
        )


def loops_of(config: Config) -> Loops:
    """Return the loops of the user's file, or simulated ones."""
    if config.path:
        return datasets.of_file(config.path, config.dataset)
    return datasets.simulate(config.seed, datasets.Simulated(size=config.size))


def cleaned(loops: Loops, bad: np.ndarray, kept: np.ndarray) -> Outcome:
    """Return the loops with their bad samples and the domain image; where the truth is known, how many were found."""
    numbers = {
        "rows": kept.shape[0],
        "columns": kept.shape[1],
        "loop_steps": len(loops.bias),
        "bad_samples_share": bad.mean(),
        "broken_points_share": 1 - kept.mean(),
    }
    if loops.glitched is not None:
        numbers["bad_samples_found_share"] = bad[loops.glitched].mean()
        numbers["good_samples_lost_share"] = bad[~loops.glitched & kept[..., None]].mean()
    image = neighbourhoods.domain_image(loops.response, bad)
    values = {"bias": loops.bias, "response": loops.response, "bad": bad, "kept": kept, "image": image}
    attributes = {"loops_source": loops.source, "pixel": loops.pixel, "pixel_unit": loops.pixel_unit}
    return Outcome(values, numbers, attributes)


def against_truth(loops: Loops, kept: np.ndarray, found: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the median errors of the parameters of simulated loops, in units of their spread over the scan."""
    if loops.truth is None:
        return {}
    truth = {name: values[kept] for name, values in loops.truth.items()}
    return {
        f"{name}_error_in_spreads": np.median(np.abs(found[name] - truth[name])) / truth[name].std()
        for name in PARAMETERS
    }


def on_scan(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return values [n ...] of the kept points as a map [ny nx ...], NaN elsewhere."""
    scan = np.full((*kept.shape, *values.shape[1:]), np.nan)
    scan[kept] = values
    return scan
