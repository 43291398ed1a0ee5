"""pyroVED's side of ``vae_family``: its models on the images given, their cost, bound and encodings.

    python -m benchmarks.models.pyroved_side MODEL IMAGES.npz [--epochs 20 | --steps 2000] [--batch 50] [--out CODES]

MODEL: ``ivae``, ``jivae`` (joint), ``ssivae`` (semi-supervised) with rotation and translation; ``vae``, ``jvae``,
``ssvae`` are the same without. Runs where torch, pyroved and NumPy are, and imports neither ours nor JAX. Measured with
pyroved 0.3.0, pyro-ppl 1.9.2, torch 2.14.1, torchvision 0.29.1 and Python 3.11, which install together as they are.

IMAGES.npz: ``train`` (n, h, w) and ``test`` (m, h, w) in [0, 1]; for joint and semi-supervised models ``labels_train``
(n,) and ``labels_test`` (m,), integers from 0; for the latter ``labelled`` (n,), true where the model may use the
label. CODES.npz, of the test images: ``z`` and ``z_std`` (m, latent); of invariant models the pose of the content
against the decoder's frame: ``angle`` and ``angle_std`` (m,), radians, counterclockwise with row 0 on top, ``shift``
(m, 2), rows down and columns right in half-widths, all at the posterior's mean; ``classes`` (m,) where there are some.
The last line of the output is a JSON object, see ``main``.

The networks are pyroVED's, MLPs of ``--width`` × 2 with tanh, Bernoulli likelihood, the coordinate decoder where a
model is invariant; its trainers with Adam at their own default rates (1e-3, ssivae 5e-4) unless one is given. Whole
epochs only: ``--steps`` is rounded up. float32, one thread, CPU seconds of the process, of the training alone. The
bound is estimated by ``SVI.evaluate_loss`` with all weights at 1 (the trainers' own ``evaluate`` trains on the test
images).
"""

import argparse
import itertools
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyroved as pv
import torch
from scipy.optimize import linear_sum_assignment

from benchmarks.peers import versions

INVARIANT = ("ivae", "jivae", "ssivae")
DRAWS = 8  # posterior samples per image in the bound


def build(options: argparse.Namespace, size: tuple[int, int], classes: int):
    """Return the model, its trainer, and the SVI whose loss is the bound."""
    hidden = [options.width] * 2
    common = {"hidden_dim_e": hidden, "hidden_dim_d": hidden, "seed": options.seed, "device": "cpu"}
    trainer = {"seed": options.seed, "device": "cpu"}
    if options.learning_rate:
        trainer["lr"] = options.learning_rate
    if options.model in INVARIANT:
        common |= {"invariances": ["r", "t"], "dx_prior": options.shift_prior}
    if options.model.startswith("ss"):
        model = pv.models.ssiVAE(size, options.latent, classes, hidden_dim_cls=hidden, **common)
        fit = pv.trainers.auxSVItrainer(model, **trainer)
        return model, fit, fit.loss_basic
    if options.model.startswith("j"):
        model = pv.models.jiVAE(size, options.latent, classes, **common)
        fit = pv.trainers.SVItrainer(model, enumerate_parallel=True, **trainer)
    else:
        model = pv.models.iVAE(size, options.latent, **common)
        fit = pv.trainers.SVItrainer(model, **trainer)
    return model, fit, fit.svi


def joint_weights(epochs: int) -> Iterator[list[float]]:
    """Yield the weights of the continuous and of the discrete KL term in jiVAE's docstring, stretched to ``epochs``.

    The first is 40 for a twentieth of the epochs and falls to 3 at a quarter of them; the second is 3.
    """
    for epoch in range(epochs):
        share = epoch / epochs
        yield [float(np.interp(share, (0.05, 0.25), (40, 3))), 3.0]


def supervised_batches(unlabelled: int, labelled: int) -> int:
    """Return the number of labelled batches that auxSVItrainer takes in an epoch of so many unlabelled ones."""
    period = (labelled + unlabelled) // labelled
    return sum(i % period == 1 for i in range(unlabelled))


def loaders(options: argparse.Namespace, data: dict[str, torch.Tensor], classes: int):
    """Return the trainer's loaders, the steps in an epoch and the images in an epoch."""
    if not options.model.startswith("ss"):
        loader = pv.utils.init_dataloader(data["train"], batch_size=options.batch)
        return (loader,), len(loader), len(data["train"])
    known = data["labelled"].bool()
    target = torch.nn.functional.one_hot(data["labels_train"][known].long(), classes).float()
    without = pv.utils.init_dataloader(data["train"][~known], batch_size=options.batch)
    with_label = pv.utils.init_dataloader(data["train"][known], target, batch_size=options.batch)
    taken = supervised_batches(len(without), len(with_label))
    if not taken:
        raise ValueError(
            f"expected more unlabelled than labelled batches, got {len(without)} and {len(with_label)}: pyroVED would "
            "take no supervised step; label fewer images or make the batches smaller"
        )
    images = int((~known).sum()) + min(taken * options.batch, int(known.sum()))
    return (without, with_label), len(without) + taken, images


def bound(svi: pyro.infer.SVI, test: torch.Tensor, batch: int) -> float:
    """Return −ELBO in nats per image, summed over the classes."""
    with torch.no_grad():
        draws = [sum(svi.evaluate_loss(images) for images in test.split(batch)) for _ in range(DRAWS)]
    return float(np.mean(draws)) / len(test)


def encode(options: argparse.Namespace, model, test: torch.Tensor) -> dict[str, Any]:
    """Return the arrays of CODES.npz."""
    mean, std, *classes = (part.numpy() for part in model.encode(test, batch_size=500))
    codes = {"z": mean[:, -options.latent :], "z_std": std[:, -options.latent :]}
    if options.model in INVARIANT:
        # in pyroVED (row, −column) @ [[cos, sin], [−sin, cos]] + offset is the decoder's coordinate; here, its origin
        angle, offset = mean[:, 0], options.shift_prior * mean[:, 1:3]
        cos, sin = np.cos(angle), np.sin(angle)
        shift = [-cos * offset[:, 0] - sin * offset[:, 1], cos * offset[:, 1] - sin * offset[:, 0]]
        codes |= {"angle": angle, "angle_std": std[:, 0], "shift": np.stack(shift, 1)}
    return codes | ({"classes": classes[0]} if classes else {})


def matched(classes: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images in their true class, each cluster named after the class that fits best."""
    counts = np.zeros((classes.max() + 1, labels.max() + 1))
    np.add.at(counts, (classes, labels), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(labels))


def main() -> None:
    """Train one model and print its JSON.

    It has ``cpu_s_per_1000_images`` (and epoch; median over the epochs) and ``cpu_s`` of the whole training, its
    ``epochs``, ``steps`` and ``images_per_epoch``, ``loss`` of each epoch as the trainer reports it, the held-out
    ``negative_elbo`` in nats per image, ``accuracy`` (of joint models after the best matching of clusters to labels;
    None for vae and ivae), ``model``, ``size`` and ``versions``.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", choices=("vae", "jvae", "ssvae", *INVARIANT))
    parser.add_argument("images", help="the .npz with the images")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, default=20)
    length.add_argument("--steps", type=int, help="at least so many, in whole epochs")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--latent", type=int, default=2)
    parser.add_argument("--shift-prior", type=float, default=0.1, help="standard deviation, in half-widths")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weights", choices=("docs", "none"), default="docs", help="jivae's weights of the KL terms")
    parser.add_argument("--auxiliary", type=float, default=20.0, help="ssivae's weight of the classification term")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help=".npz for the encodings of the test images")
    options = parser.parse_args()

    torch.set_num_threads(1)
    given = np.load(options.images)
    data = {name: torch.tensor(given[name]) for name in given.files}
    size = given["train"].shape[1:]
    train, test = (data[name].float() for name in ("train", "test"))
    if options.model.startswith("ss"):  # it joins images with one-hot classes, which needs images as rows
        train, test = train.flatten(1), test.flatten(1)
    data["train"] = train
    classes = int(given["labels_train"].max()) + 1 if options.model[0] in "js" else 0
    model, trainer, svi = build(options, size, classes)
    batches, steps, images = loaders(options, data, classes)
    epochs = math.ceil(options.steps / steps) if options.steps else options.epochs

    joint, few = options.model.startswith("j"), options.model.startswith("ss")
    extra = {"aux_loss_multiplier": options.auxiliary} if few else {"scale_factor": [1.0, 1.0]} if joint else {}
    weights = joint_weights(epochs) if joint and options.weights == "docs" else itertools.repeat(None)
    cpu = []
    for epoch, weight in zip(range(epochs), weights, strict=False):
        arguments = {"scale_factor": weight} if weight else extra
        start = time.process_time()
        trainer.step(*batches, **arguments)
        cpu.append(time.process_time() - start)
        print(f"{options.model}, epoch {epoch + 1}: {cpu[-1]:.2f} CPU-s", file=sys.stderr, flush=True)

    codes = encode(options, model, test)
    if options.out:
        np.savez(options.out, **codes)
    accuracy = None
    if joint:
        accuracy = matched(codes["classes"], given["labels_test"])
    elif few:
        accuracy = float((codes["classes"] == given["labels_test"]).mean())
    history = trainer.history if few else trainer.loss_history
    result = {
        "model": options.model,
        "size": list(size),
        "epochs": epochs,
        "steps": epochs * steps,
        "images_per_epoch": images,
        "cpu_s": sum(cpu),
        "cpu_s_per_1000_images": float(np.median(cpu)) / images * 1000,
        "loss": history["training_loss"],
        "negative_elbo": bound(svi, test, 500),
        "accuracy": accuracy,
        "versions": versions("torch", "pyroved", "pyro-ppl", "numpy"),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
