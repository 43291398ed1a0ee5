"""The VAE family beside pyroVED, on the same images, at the same width and number of steps.

    python -m benchmarks.models.vae_family cost       CPU seconds per 1,000 images and epoch at 12, 24 and 48 pixels
    python -m benchmarks.models.vae_family quality    12 × 12 cards and 8 × 8 digits, 2,000 steps, five fresh seeds:
                                                      a quarter of an hour
    python -m benchmarks.models.vae_family digits     28 × 28 digits (extra digits): classes without labels, 2,000 steps
    python -m benchmarks.models.vae_family angle      24 × 24 cards: recovered angles, with shear within ±1° and ±20°

Each takes ``--smoke``, ``--peers PYTHON`` (an interpreter with the bench extra; without one only our side runs) and
``--out FILE`` for a JSON of all numbers. Every seed draws its own images, initial weights and 1,000 images to be scored
on; recipes were tuned on other seeds. −ELBO is in nats per image with every weight at 1 ("searched": at the bins and
classes that decode best). A joint run is three vmapped restarts, of which the bound on rows held out from its training
set picks one. CPU seconds are of all our threads, compilation apart; pyroVED runs on one thread.
"""

import argparse
import json
from pathlib import Path

from benchmarks import peers
from benchmarks.models.angles import angle
from benchmarks.models.cost import cost
from benchmarks.models.digits import digits
from benchmarks.models.quality import quality


def main(argv=None):
    """Carry out one part and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("cost", "quality", "digits", "angle"))
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-seeds", type=int, default=1, help="pyroVED's runs of each model for the quality")
    parser.add_argument("--models", nargs="+", help="plain invariant joint semi-supervised; all by default")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--cases", type=int, nargs="+", choices=(1, 2, 3), default=(1, 2, 3),
                        help="for the angle: shear ±1°, ±20°, ±20° with shear in the pose")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=50, help="for the angle, 40 steps each")
    parser.add_argument("--out", type=Path)
    peers.add_option(parser)
    options = parser.parse_args(argv)
    if options.smoke:
        options.seeds = min(options.seeds, 2)
    measured = {"cost": cost, "quality": quality, "digits": digits, "angle": angle}[options.part](options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
