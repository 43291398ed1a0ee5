"""Deep kernels on field histories: static fits and campaigns for Σ|curl P|, the curl of directions, and Σ|P|.

    python -m experiments.dkl_trajectories            # estimated at ten minutes of CPU time
    python -m experiments.dkl_trajectories --smoke    # a small one
    python -m experiments.dkl_trajectories --pool 7500 --samples 900 --steps 500    # every curve a candidate

After arXiv 2303.14554: 7,500 histories A exp(αt) cos(ωt) + B drive the lattice of the main job (lecture preset), and a
campaign looks at 100 + 500 of its candidates (μ + 10σ), here 2,000 of the histories. All 7,500 are simulated, and VAEs
learn from all of them. The lecture's deep kernel is a 64-64-2 network trained with the likelihood; its 2-D layer is
shown for static fits. Campaigns use ``bo.dkl.frozen`` (kernels on the curves, components and diffusion coordinates,
whose weights follow the labels), shown by two principal components of its kernel's embedding; beside it, at equal
budget, a Gaussian process in a VAE's 2-D latent, one on the curves, and random. Recall is of the best 2 %.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.dkl_campaigns import STAGES, Settings
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(Settings):
    """Options of the campaigns over histories."""

    trajectories: int = 7500
    """Histories that are simulated and that VAEs learn from."""
    pool: int = 2000
    """Of these, candidates of the campaigns."""
    samples: int = 144
    """Values kept of each history for surrogates and VAEs, evenly spread (the lattice gets all 900)."""
    share: float = 0.02
    """The share of the best whose recall is scored."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, trajectories=64, pool=20, samples=16)
        if not 0 < self.share < 1:
            raise ValueError(f"--share is {self.share}; it lies between 0 and 1")
        if self.pool > self.trajectories or self.samples > 900:
            raise ValueError(
                f"--pool is {self.pool} of --trajectories {self.trajectories}, --samples {self.samples} of 900: lower "
                "them"
            )
        self.check_candidates(self.pool, "--pool")


SMOKE = Config(
    smoke=True, trajectories=200, pool=150, samples=64, seeds=2, initial_points=8, steps=8, refit_every=4, labelled=20,
    network_steps=20, epochs=2, width=16,
)  # fmt: skip


def compute(run: "Run", config: Config) -> None:
    """Draw and simulate, encode, fit, search."""
    import numpy as np

    import ferro_jax as ferro
    from experiments import dkl_campaigns, dkl_runs, dkl_vae, latent_bo_stages

    keys = latent_bo_stages.keys_of(config.seed)
    with run.stage("data"):
        data = ferro.damped_oscillation(keys["data"], config.trajectories)
        curves = np.asarray(data.curves)
        with run.progress(config.trajectories, "history") as bar:
            values = dkl_runs.simulated(curves, config.seed, latent_bo_stages.advance(bar))
        kept = np.linspace(0, curves.shape[1] - 1, config.samples).round().astype(int)
        x, pool = curves[:, kept], curves[: config.pool, kept]
        units = {"curl": "model unit", "direction_curl": "1", "magnitude": "model unit"}
        targets = {
            name: dkl_campaigns.Target(values[name][: config.pool], units[name], config.share)
            for name in dkl_runs.TARGETS
        }
        for name, all_values in values.items():
            run.add(f"{name}_of_all", ("trajectory",), all_values, units[name], f"{name} of every history")
        run.add("curve", ("candidate", "sample"), pool, "1", "field history of every candidate, scaled to its range")
        for name, text in (("growth", "growth rate α"), ("frequency", "angular frequency ω")):
            run.add(name, ("candidate",), np.asarray(getattr(data, name))[: config.pool], "1", text)
        run.record(trajectories=config.trajectories)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        latents = dkl_vae.latents(run, "vae", keys["fit"], x, pool, rows, config.epochs, config.width)
    spaces = dkl_campaigns.tables(pool, latents, config.seed)
    with run.stage("static"):
        dkl_campaigns.static(run, spaces, targets, config)
    with run.stage("campaigns"):
        dkl_campaigns.campaigns(run, spaces, targets, config)


EXPERIMENT = harness.Experiment(
    "dkl_trajectories", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.dkl_trajectories"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
