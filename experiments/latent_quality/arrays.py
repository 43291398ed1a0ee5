"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.lab.run import Array
from experiments.latent_quality.config import TASKS
from experiments.latent_quality.pools import UNITS

_OF_SPACE = ("task", "representation", "seed")
POOLS = {
    **{f"{task}_target": Array(("candidate",), UNITS[task], f"{task} of every candidate") for task in TASKS},
    "histories_judged": Array(("point",), "1", "histories: candidates that spaces are judged on"),
    "cards_judged": Array(("point",), "1", "cards: candidates that spaces are judged on"),
}
SPACES = {
    "task": Array(("task",), "1", "target", coordinate=True),
    "representation": Array(("representation",), "1", "space of the campaigns", coordinate=True),
    "score": Array(("score",), "1", "score of a space", coordinate=True),
    "quality": Array((*_OF_SPACE, "score"), "1", "scores of the latent spaces"),
    "needed": Array(_OF_SPACE, "1", "evaluations to one of the best; infinite if not within the budget"),
    "recall": Array((*_OF_SPACE, "evaluation"), "1", "share of the best found"),
    "view": Array(
        ("task", "representation", "point", "component"),
        "1",
        "first seed: the latent, or two principal components of it, of the judged candidates",
    ),
    "random_needed": Array(("task", "seed"), "1", "random order: evaluations to one of the best"),
    "random_recall": Array(("task", "seed", "evaluation"), "1", "random order: share of the best found"),
}
DIALS = {
    "dial": Array(("dial",), "1", "weight of what the histories show in the target", coordinate=True),
    "dial_method": Array(("dial_method",), "1", "method", coordinate=True),
    "dial_needed": Array(("dial", "dial_method", "seed"), "1", "evaluations to one of the best"),
    "dial_recall": Array(("dial", "dial_method", "seed"), "1", "share of the best found at the end"),
    "dial_quality": Array(("dial", "seed", "score"), "1", "scores of the VAE's latent for the target"),
}
SHARES = {
    "share": Array(("share",), "1", "share of good histories in the training set", coordinate=True),
    "share_needed": Array(("share", "seed"), "1", "evaluations to one of the best"),
    "share_recall": Array(("share", "seed"), "1", "share of the best found at the end"),
    "share_quality": Array(("share", "seed", "score"), "1", "scores of the latents"),
    "share_spread": Array(("share", "seed"), "1", "spread of good histories' latents over that of all"),
}
_CORRELATED = ("task", "score", "success")
VERDICT = {
    "success": Array(("success",), "1", "success of a campaign", coordinate=True),
    "correlation": Array(
        _CORRELATED, "1", "rank correlation of order and success within a task, over representations and seeds"
    ),
    "correlation_of_medians": Array(
        _CORRELATED, "1", "rank correlation of order and success within a task, over representations"
    ),
}
