"""What makes a latent space good for optimisation? Eight representations, their order measured, campaigns run in each.

    python -m experiments.latent_quality            # estimated at six minutes of CPU time
    python -m experiments.latent_quality --smoke    # a small one

The lecture's claim: a VAE's latent is fixed by the data alone, a deep kernel's also by the target, hence it is better
organised and optimises faster. Here it can fail. Tasks: Σ|curl P| and a smooth function of the two factors of field
histories; rotation and shear of cards. Representations: pixels (raw), ten principal components (pca), a 2-D VAE, a VAE
that also has to tell the labels of the initial design (supervised_vae), the 2-D network of the lecture's deep kernel
(64-64-2, trained with the likelihood) after the initial design (static_dkl: kept, a Gaussian process on it) and trained
on at every refit (active_dkl), and this project's deep kernel (block_dkl: kernels on pixels, components and diffusion
coordinates, whose weights follow the labels; its space is the kernel's embedding to first order), and a VAE trained
together with the Gaussian process on its latent means, at every refit, from the weights of the same seed's VAE
(joint_vae: LOL-BO without its trust region, see ``dkl_joint_vae``). Spaces of active_dkl, block_dkl and joint_vae
are judged as they are at the end of the campaign, the others at its start. ``bo.dkl_joint`` is left out as too dear.
Cards have no convolutional block here, so that both data sets are treated alike.

Campaigns are alike in all (μ + κσ; the same initial designs), judged by evaluations to one of the best 1 % and by
recall of the best 2 %. Two controlled studies: targets that are partly a function of what the data show (α and ω) and
partly the same function of what they do not (A and B, which scaling removes); and VAEs trained with few or many of the
histories whose curl is among the best 10 %. The verdict counts the tasks where a sign test over seeds is below 0.05.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run

TASKS = ("curl", "smooth", "rotation", "shear")
REPRESENTATIONS = ("raw", "pca", "vae", "supervised_vae", "static_dkl", "active_dkl", "block_dkl", "joint_vae")
DEEP = ("active_dkl", "block_dkl", "joint_vae")  # what the claim is about
STAGES = ("data", "vaes", "campaigns", "dials", "shares", "verdict", "figures")


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options; all numbers are of each data set."""

    pool: int = 1000
    """Candidates: field histories, and cards (a quarter of each suit)."""
    samples: int = 144
    """Values kept of each history, evenly spread (the lecture's networks see all 900)."""
    size: int = 12
    """Pixels along each side of a card."""
    seeds: int = 10
    """Campaigns of every task and representation; each has a VAE and an initial design of its own."""
    initial_points: int = 20
    """Random evaluations that open a campaign."""
    steps: int = 60
    """Evaluations that the acquisition chooses."""
    refit_every: int = 20
    """Steps between two fits of hyperparameters or network."""
    kappa: float = 1.0
    """Weight of the standard deviation in μ + κσ: ``acquisition_sweep``'s best on the FerroSIM map (lecture: 10)."""
    network_steps: int = 200
    """Adam steps of a trained network, the lecture's or a VAE, at every fit (published: 1000)."""
    epochs: int = 30
    """Passes of each VAE's training."""
    width: int = 64
    """Units of each of the two hidden layers of VAEs."""
    good_share: float = 0.01
    """A campaign is done once it has found one of this share of the best."""
    recall_share: float = 0.02
    """The share of the best whose recall is scored."""
    judged: int = 500
    """Candidates that latent spaces are scored on."""
    dials: tuple[float, ...] = (0.0, 0.5, 0.75, 1.0)
    """Weights of what the data show in the first study's targets."""
    shares: tuple[float, ...] = (0.005, 0.02, 0.1)
    """Shares of good histories in the training sets of the second study."""
    training: int = 500
    """Histories in each of these training sets."""

    def __post_init__(self) -> None:
        at_least(self, pool=80, samples=16, size=8, seeds=2, initial_points=3, steps=1, refit_every=1, network_steps=1,
                 epochs=1, width=2, judged=40, training=20)  # fmt: skip
        if self.pool % 4 or self.initial_points + self.steps > self.pool or self.judged > self.pool:
            raise ValueError(
                f"--pool is {self.pool}; it is a multiple of 4, and holds {self.initial_points} + {self.steps} "
                f"evaluations and {self.judged} judged candidates"
            )
        for name in ("good_share", "recall_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it lies between 0 and 1")
        if not self.dials or not all(0 <= dial <= 1 for dial in self.dials):
            raise ValueError(f"--dials are {self.dials}; give one or more numbers from 0 to 1")
        good = 0.1 * self.pool
        if not self.shares or not all(share > 0 and share * self.training <= good for share in self.shares):
            raise ValueError(
                f"--shares are {self.shares} of --training {self.training}; {good:.0f} of the {self.pool} histories "
                "are good: lower --training or the shares, or raise --pool"
            )
        if self.training > 0.9 * self.pool:
            raise ValueError(f"--training is {self.training}; nine tenths of {self.pool} histories are all there is")
        if not self.kappa >= 0:
            raise ValueError(f"--kappa is {self.kappa}; give a weight of at least 0")


SMOKE = Config(
    smoke=True, pool=200, samples=64, size=8, seeds=2, initial_points=8, steps=8, refit_every=4, network_steps=20,
    epochs=2, width=16, good_share=0.02, recall_share=0.05, judged=120, dials=(0.0, 1.0), shares=(0.02, 0.1),
    training=100,
)  # fmt: skip


def compute(run: "Run", config: Config) -> None:
    """Stage by stage; see ``experiments/latent_quality_stages.py``."""
    from experiments import latent_quality_stages as stages
    from experiments import latent_quality_verdict as verdict

    with run.stage("data"):
        pools = stages.pools(run, config)
    with run.stage("vaes"):
        fitted, encoded = stages.vaes(run, pools, config)
    with run.stage("campaigns"):
        stages.campaigns(run, pools, fitted, encoded, config)
    with run.stage("dials"):
        stages.dials(run, pools, encoded, config)
    with run.stage("shares"):
        stages.shares(run, pools, config)
    with run.stage("verdict"):
        verdict.judge(run, config)


EXPERIMENT = harness.Experiment(
    "latent_quality", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.latent_quality"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
