"""atomai's side of ``structure_property``: the cost of ImSpec with its defaults on the patches given.

    python -m benchmarks.structure.imspec_side PATCHES.npz [--epochs 3] [--batch 64]

PATCHES.npz: ``image`` (n, h, w) and ``spectrum`` (n, e). Runs where torch and atomai are, imports neither ours nor JAX.
Measured with atomai 0.8.1 and torch 2.14.1. One thread; CPU seconds of whole calls of ``fit``, those of
one epoch taken off, so that setting up and the first pass do not count. The last line of the output is a JSON object:
``cpu_s_per_1000``, ``epochs``, ``versions``.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time

import atomai
import numpy as np
import torch

from benchmarks.peers import versions


def seconds(image: np.ndarray, spectrum: np.ndarray, epochs: int, batch: int) -> float:
    """Return the CPU seconds of a fit."""
    model = atomai.models.ImSpec(image.shape[1:], spectrum.shape[1:], latent_dim=2)
    start = time.process_time()
    model.fit(image, spectrum, image[:batch], spectrum[:batch], full_epoch=True, training_cycles=epochs,
              batch_size=batch, plot_training_history=False, print_loss=epochs + 1)  # fmt: skip
    return time.process_time() - start


def main() -> None:
    """Measure the fits and print the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patches", help="the .npz with patches and spectra")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = np.load(options.patches)
    image, spectrum = given["image"], given["spectrum"]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)  # it leaves files of weights where it works
        once = seconds(image, spectrum, 1, options.batch)
        more = seconds(image, spectrum, options.epochs, options.batch)
        os.chdir("/")
    cost = (more - once) / (options.epochs - 1) / len(image) * 1000
    print(
        json.dumps({"cpu_s_per_1000": cost, "epochs": options.epochs, "versions": versions("torch", "atomai", "numpy")})
    )


if __name__ == "__main__":
    main()
