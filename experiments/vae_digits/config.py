"""Options of the VAE of digits. Import no JAX here: ``--help`` reads this file and must start at once."""

from dataclasses import dataclass

from experiments.shared.images.options import DigitSettings


# Every field is an option of the command line (``manifold_points`` is --manifold-points); the text below is its help.
# ``DigitSettings`` adds the options that experiments on digits share. Without anything to share, inherit from
# ``experiments.lab.options.Settings``, which has those of every experiment: seed, runs, devices.
@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of the VAE of digits."""

    # Without a number of passes this experiment takes these: of 8 × 8 and of 28 × 28 digits.
    sizes = DigitSettings.sizes | {"epochs": (100, 50)}

    manifold_points: int = 15
    """Points per axis of decoded latent grids."""


# The job of --smoke: everything small, done in seconds once it is compiled.
SMOKE = Config(smoke=True, count=400, held_out=100, watched=30, epochs=3, seeds=2, width=16, manifold_points=7)
# The names that compute.py gives to ``run.stage``, in their order; the harness draws the figures in the last one.
STAGES = ("data", "vae", "baselines", "figures")
