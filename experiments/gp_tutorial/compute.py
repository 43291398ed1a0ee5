"""Compute and record the tutorial stage by stage."""

from experiments.gp_tutorial import campaign, checks, pictures
from experiments.gp_tutorial.config import KAPPAS, STAGES, Config
from experiments.lab.checkpoints import once
from experiments.lab.keys import keys_of
from experiments.lab.run import Array, Run

PARTS = {
    "prior": pictures.prior,
    "posterior": pictures.posterior,
    "noise": pictures.noise,
    "search": campaign.search,
    "coverage": checks.coverage,
    "gpjax": checks.gpjax,
}
BY_LENGTHSCALE, BY_DRAW = ("kernel", "lengthscale", "point"), ("kernel", "lengthscale", "draw", "point")
ARRAYS = {
    "x": Array(("point",), "1", "the line", coordinate=True),
    "kernel": Array(("kernel",), "1", "kernel", coordinate=True),
    "lengthscale": Array(("lengthscale",), "1", "length scale", coordinate=True),
    "prior_draw": Array(BY_DRAW, "1", "functions drawn from the prior"),
    "truth": Array(("point",), "1", "minus Forrester's function"),
    "observed_x": Array(("observation",), "1", "where it was observed"),
    "observed_y": Array(("observation",), "1", "value observed, without noise"),
    "posterior_mean": Array(BY_LENGTHSCALE, "1", "posterior mean, fixed hyperparameters"),
    "posterior_std": Array(BY_LENGTHSCALE, "1", "posterior standard deviation, fixed hyperparameters"),
    "posterior_draw": Array(BY_DRAW, "1", "draws from that posterior"),
    "fitted_mean": Array(("kernel", "point"), "1", "posterior mean, fitted hyperparameters"),
    "fitted_std": Array(("kernel", "point"), "1", "posterior standard deviation, fitted hyperparameters"),
    "fitted_lengthscale": Array(("kernel",), "1", "fitted length scale"),
    "noise": Array(("noise",), "1", "standard deviation of the noise, in that of the targets", coordinate=True),
    "noisy_x": Array(("noisy_observation",), "1", "where noisy values were taken"),
    "noisy_y": Array(("noise", "noisy_observation"), "1", "noisy value"),
    "noisy_mean": Array(("noise", "point"), "1", "posterior mean"),
    "noisy_std": Array(("noise", "point"), "1", "posterior standard deviation of the function"),
    **{
        f"start_{name}": Array(("point",), "1", f"acquisition {name} given the initial design")
        for name in (*(f"ucb_{kappa:g}" for kappa in KAPPAS), "log_ei", "ei", "log_pi", "pi")
    },
    "campaign_x": Array(("evaluation",), "1", "where the campaign evaluated"),
    "campaign_y": Array(("evaluation",), "1", "value there"),
    "campaign_mean": Array(("state", "point"), "1", "posterior mean before each step, and after the last"),
    "campaign_std": Array(("state", "point"), "1", "posterior std before each step, and after the last"),
    "campaign_score": Array(("step", "point"), "1", "log expected improvement before each step"),
    "model": Array(("model",), "1", "model that predicts", coordinate=True),
    "level": Array(("level",), "1", "nominal share of the central interval", coordinate=True),
    "coverage": Array(("model", "level"), "1", "share of test values inside the interval"),
    "coverage_standard_error": Array(("model", "level"), "1", "standard error over the functions"),
}


def compute(run: Run, config: Config) -> None:
    """Run every stage with a key of its own and record what it returns."""
    keys = keys_of(config.seed, STAGES)
    for name in STAGES:
        with run.stage(name):
            run.keep(ARRAYS, once(PARTS[name])(keys[name], config))
