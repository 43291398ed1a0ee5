"""From scores and campaigns to a verdict: ``experiments/latent_quality/compute.py``'s numbers over paired seeds."""

import numpy as np
from scipy.stats import binomtest

from experiments.lab import scores, summaries
from experiments.lab.run import Run
from experiments.latent_quality import organisation
from experiments.latent_quality.config import DEEP, REPRESENTATIONS, TASKS, Config

LEVEL = 0.05


def judge(run: Run, config: "Config") -> None:
    """Medians and quartiles of everything, correlations of order with success, the claim against a VAE."""
    values = {name: run.results[name].to_numpy() for name in ("quality", "needed", "recall")}
    quality, needed, recall = values["quality"], values["needed"], values["recall"][..., -1]
    budget = config.initial_points + config.steps
    for t, task in enumerate(TASKS):
        for r, name in enumerate(REPRESENTATIONS):
            _summary(run, f"{task}_{name}", needed[t, r], recall[t, r], budget)
            for s, score in enumerate(organisation.NAMES):
                low, middle, high = np.quantile(quality[t, r, :, s], [0.25, 0.5, 0.75])
                run.record(**{f"{task}_{name}_{score}": middle, f"{task}_{name}_{score}_q25": low,
                              f"{task}_{name}_{score}_q75": high})  # fmt: skip
        _summary(
            run, f"{task}_random", run.results["random_needed"].to_numpy()[t],
            run.results["random_recall"].to_numpy()[t, :, -1], budget,
        )  # fmt: skip
    _correlations(run, quality, needed, recall, budget)
    _claim(run, quality, needed, recall, budget)
    for d, dial in enumerate(config.dials):
        for m, name in enumerate(run.results["dial_method"].to_numpy()):
            _summary(run, f"dial_{dial:g}_{name}", run.results["dial_needed"].to_numpy()[d, m],
                     run.results["dial_recall"].to_numpy()[d, m], budget)  # fmt: skip
        run.record(**{f"dial_{dial:g}_vae_neighbour_r2": np.median(run.results["dial_quality"].to_numpy()[d, :, 0])})
    for s, share in enumerate(config.shares):
        found = {name: run.results[f"share_{name}"].to_numpy()[s] for name in ("needed", "recall", "quality", "spread")}
        _summary(run, f"share_{share:g}", found["needed"], found["recall"], budget)
        run.record(**{f"share_{share:g}_neighbour_r2": np.median(found["quality"][:, 0]),
                      f"share_{share:g}_components": np.median(found["quality"][:, 3]),
                      f"share_{share:g}_spread": np.median(found["spread"])})  # fmt: skip


def _summary(run: Run, prefix: str, needed: np.ndarray, recall: np.ndarray, budget: int) -> None:
    numbers = {**summaries.evaluations(needed, budget), **summaries.quartiles("recall", recall)}
    run.record(**{f"{prefix}_{name}": value for name, value in numbers.items()})


def _correlations(run: Run, quality: np.ndarray, needed: np.ndarray, recall: np.ndarray, budget: int) -> None:
    """Spearman's correlation, within a task, of each score with success: over representations × seeds, and over the
    representations' medians and restricted means, where the luck of a design is averaged out. Success is more recall,
    and minus the evaluations needed; a positive number says that what the score calls order goes with success."""
    tasks = len(TASKS)
    single, middle = (np.full((tasks, len(organisation.NAMES), 2), np.nan) for _ in range(2))
    for t in range(tasks):
        per_seed = (-np.minimum(needed[t], budget + 1), recall[t])
        typical = (-summaries.restricted_mean(needed[t], budget), recall[t].mean(-1))
        for s, sign in enumerate(organisation.SIGNS):
            own = sign * quality[t, :, :, s]
            for k in range(2):
                single[t, s, k] = scores.rank_correlation(own.reshape(1, -1), per_seed[k].reshape(1, -1))[0]
                middle[t, s, k] = scores.rank_correlation(np.median(own, -1)[None], typical[k][None])[0]
    run.add(
        "success",
        ("success",),
        np.array(["fewer evaluations", "recall"], dtype=object),
        "1",
        "success of a campaign",
        True,
    )
    text = "rank correlation of order and success within a task"
    run.add("correlation", ("task", "score", "success"), single, "1", f"{text}, over representations and seeds")
    run.add("correlation_of_medians", ("task", "score", "success"), middle, "1", f"{text}, over representations")
    for s, score in enumerate(organisation.NAMES):
        for k, success in enumerate(("evaluations", "recall")):
            for name, values in (("", single), ("_of_medians", middle)):
                known = values[:, s, k][np.isfinite(values[:, s, k])]
                numbers = (np.median(known), known.min(), known.max()) if known.size else (np.nan,) * 3
                run.record(**{f"correlation{name}_{score}_{success}{end}": value
                              for end, value in zip(("", "_min", "_max"), numbers, strict=True)})  # fmt: skip


def sign_test(better: np.ndarray, worse: np.ndarray) -> float:
    """Two-sided p of as many wins and losses or a more uneven split, ties left out; 1 where all are ties."""
    wins, losses = int(np.sum(better)), int(np.sum(worse))
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _claim(run: Run, quality: np.ndarray, needed: np.ndarray, recall: np.ndarray, budget: int) -> None:
    """Each deep kernel against the VAE on the same seeds: order by neighbour_r2, speed by evaluations and recall."""
    vae = REPRESENTATIONS.index("vae")
    for name in DEEP:
        deep = REPRESENTATIONS.index(name)
        counts = dict.fromkeys(("organised", "disordered", "faster", "slower", "recall_higher", "recall_lower"), 0)
        for t, task in enumerate(TASKS):
            pairs = {
                "neighbour_r2_gain": (quality[t, deep, :, 0] - quality[t, vae, :, 0], "organised", "disordered"),
                "evaluations_saved": (
                    np.minimum(needed[t, vae], budget + 1) - np.minimum(needed[t, deep], budget + 1), "faster", "slower"
                ),
                "recall_gain": (recall[t, deep] - recall[t, vae], "recall_higher", "recall_lower"),
            }  # fmt: skip
            for what, (gain, up, down) in pairs.items():
                p = sign_test(gain > 0, gain < 0)
                low, middle, high = np.quantile(gain, [0.25, 0.5, 0.75])
                run.record(**{f"{task}_{name}_{what}": middle, f"{task}_{name}_{what}_q25": low,
                              f"{task}_{name}_{what}_q75": high, f"{task}_{name}_{what}_p": p})  # fmt: skip
                if p < LEVEL:
                    counts[up if np.sum(gain > 0) > np.sum(gain < 0) else down] += 1
            means = [summaries.restricted_mean(needed[t, r], budget) for r in (deep, vae)]
            run.record(**{f"{task}_{name}_evaluations_ratio": means[0] / means[1]})
        run.record(**{f"verdict_{name}_{what}_tasks": count for what, count in counts.items()})
    run.record(tasks=len(TASKS))
