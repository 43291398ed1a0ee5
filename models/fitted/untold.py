"""What latents should tell and do not, and what they should leave to known factors and do not, in words."""

import jax
import numpy as np
from jaxtyping import Float
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.data import Batch, take
from models.guesses import groups_of
from models.vaes.config import VAEConfig

LOOKED_AT = 1000  # examples that groups are looked for in, at most
TOLD = 0.9  # share of every group that a support-vector machine must tell by the latents of examples left out
FOLDS = 5
NEIGHBOURS = 10
SAID_AGAIN = 0.5  # share of a factor's variance that neighbours in the latents may know


def untold_groups(config: VAEConfig, batch: Batch, z: Float[np.ndarray, "n latent"], seed: int) -> tuple[str, ...]:
    """Return in words which groups the examples fall into that their latents ``z`` do not tell apart; () without any.

    Groups are looked for in images with an angle and without classes only, by ``models.guesses.groups_of``. The latents
    may not tell them because the bound spends latents on what varies most, such as the background.
    """
    if config.class_mode != "none" or "angle" not in config.pose:
        return ()
    rows = np.random.default_rng(seed).permutation(len(z))[:LOOKED_AT]
    group = groups_of(jax.random.key(seed), config, take(batch, rows))
    rows, group = rows[group >= 0], group[group >= 0]
    counts = np.bincount(group)
    if len(counts) < 2 or counts.min() < FOLDS:
        return ()
    machine = make_pipeline(StandardScaler(), SVC(C=100.0, class_weight="balanced"))
    told = float(balanced_accuracy_score(group, cross_val_predict(machine, z[rows], group, cv=FOLDS)))
    if told >= TOLD:
        return ()
    shares = ", ".join(f"{100 * count / len(rows):.0f} %" for count in sorted(counts, reverse=True))
    return (
        f"by features that no turn or shift changes the examples fall into {len(counts)} groups ({shares}), and the "
        f"latents tell {100 * told:.0f} % of them ({100 / len(counts):.0f} % is chance): they may show what varies "
        f"more, such as the background. Give classes={len(counts)} to separate the groups, and take a background that "
        'changes over a frame off its windows (cut with normalise="level").',
    )


def told_factors(
    config: VAEConfig, factors: Float[np.ndarray, "n factor"] | None, names: tuple[str, ...],
    z: Float[np.ndarray, "n latent"], seed: int,
) -> tuple[str, ...]:  # fmt: skip
    """Return in words which factors the latents ``z`` of a conditional model tell, though the model is given them."""
    if config.factor_mode != "conditional" or factors is None or len(z) < FOLDS * NEIGHBOURS:
        return ()
    rows = np.random.default_rng(seed).permutation(len(z))[:LOOKED_AT]
    rule = make_pipeline(StandardScaler(), KNeighborsRegressor(NEIGHBOURS))
    known = np.asarray(cross_val_predict(rule, z[rows], factors[rows], cv=FOLDS)).reshape(factors[rows].shape)
    shares = r2_score(factors[rows], known, multioutput="raw_values")
    return tuple(
        f"the latents tell {name} ({100 * share:.0f} % of its variance by neighbours), though the model is given it: "
        "little else may vary, or the training was short. Give fewer latents, or more steps."
        for name, share in zip(names, np.atleast_1d(shares), strict=True)
        if share > SAID_AGAIN
    )
