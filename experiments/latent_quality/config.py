"""Options of the comparison of latent spaces, and the names of its tasks and representations."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

TASKS = ("curl", "smooth", "rotation", "shear")
REPRESENTATIONS = ("raw", "pca", "vae", "supervised_vae", "static_dkl", "active_dkl", "block_dkl", "joint_vae")
DEEP = ("active_dkl", "block_dkl", "joint_vae")  # what the claim is about
STAGES = ("data", "vaes", "campaigns", "dials", "shares", "verdict", "figures")


@dataclass(frozen=True)
class Config(Settings):
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

    @property
    def evaluations(self) -> int:
        """Evaluations of each campaign, the initial design included."""
        return self.initial_points + self.steps

    def __post_init__(self) -> None:
        smallest = {"pool": 80, "samples": 16, "size": 8, "seeds": 2, "epochs": 1, "width": 2, "judged": 40}
        at_least(self, initial_points=3, steps=1, refit_every=1, network_steps=1, training=20, **smallest)
        if self.pool % 4 or self.evaluations > self.pool or self.judged > self.pool:
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
    smoke=True,
    pool=200,
    samples=64,
    size=8,
    seeds=2,
    initial_points=8,
    steps=8,
    refit_every=4,
    network_steps=20,
    epochs=2,
    width=16,
    good_share=0.02,
    recall_share=0.05,
    judged=120,
    dials=(0.0, 1.0),
    shares=(0.02, 0.1),
    training=100,
)
