"""Structure and property: the goals on held-out data, and the cost of a training beside atomai's ImSpec.

    python -m benchmarks.structure.structure_property quality    both experiments at full size: some 20 CPU-minutes
    python -m benchmarks.structure.structure_property cost       CPU seconds per epoch of 1,000 patches

``quality`` runs ``experiments.image_to_spectrum`` and ``experiments.dual_vae_plasmonics`` (data of ``--seed``, five
fits each) and prints each goal with what was measured; ``--metrics FILE FILE`` reads the metrics.json of two such runs
instead. The published fidelities are of real particles, ours of simulated ones.

``cost`` trains one model on 16 × 16 patches and spectra of 64 channels, batches of 64: ours as the experiment has it,
ours with the layers of ImSpec's defaults (3 convolutions and 4 dilated ones of 64 filters without stride, two
latents; ImSpec has batch normalisation, which ours does not), and ImSpec itself on one thread, where ``--peers PYTHON``
names an interpreter that has atomai. Compilation apart. ``--smoke`` makes all of it small.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import peers
from experiments import dual_vae_plasmonics, image_to_spectrum

GOALS = (  # (what, experiment, metric without its ending, sense, smallest or largest value)
    ("monomers recognised from the spectrum", "dual", "dual_fidelity_monomer", ">=", 0.96),
    ("dimers recognised", "dual", "dual_fidelity_dimer", ">=", 0.86),
    ("trimers recognised", "dual", "dual_fidelity_trimer", ">=", 0.58),
    ("angle from the spectrum: mean |error|, degrees", "dual", "dual_angle_error_deg", "<=", 10.0),
    ("angle from the spectrum: concordance", "dual", "dual_angle_concordance", ">=", 0.95),
    ("spectrum from image, error over the nearest patch's", "patches", "over_nearest", "<=", 0.5),
    ("spectrum from image, error over PCA + ridge's", "patches", "over_ridge", "<=", 0.5),
)


def quality(options) -> dict:
    """Print every goal beside the median over seeds that the experiments record; return their numbers."""
    if options.metrics:
        patches, dual = (json.loads(path.read_text()) for path in options.metrics)
    else:
        arguments = ["--smoke"] * options.smoke + ["--seed", str(options.seed), "--runs", str(options.runs)]
        patches, dual = (
            json.loads((module.EXPERIMENT.main(arguments) / "metrics.json").read_text())
            for module in (image_to_spectrum, dual_vae_plasmonics)
        )
    for what, source, name, sign, goal in GOALS:
        numbers = {"dual": dual, "patches": patches}[source]
        value = numbers.get(f"{name}_median", numbers.get(name))
        reached = value >= goal if sign == ">=" else value <= goal
        spread = f" [{numbers[f'{name}_min']:.4g}, {numbers[f'{name}_max']:.4g}]" if f"{name}_min" in numbers else ""
        print(f"{what:54} {value:8.4g}{spread:20} goal {sign} {goal:<5g} {'reached' if reached else 'NOT reached'}")
    return {"patches": patches, "dual": dual}


def cost(options) -> dict:
    """Measure the CPU seconds of an epoch per 1,000 patches."""
    # Only here, because the experiments of ``quality`` set up XLA before JAX is imported.
    import jax

    from benchmarks.timing import timed
    from models import EncoderDecoderConfig, FitConfig, Pair, encoder_decoder, fit_split

    rows = 256 if options.smoke else 2000
    rng = np.random.default_rng(0)
    pair = Pair(rng.random((rows, 16, 16), np.float32), rng.random((rows, 64), np.float32))
    watched = jax.tree.map(lambda leaf: leaf[:64], pair)
    imspec = {"channels": (64, 64, 64), "stride": 1, "width": 0, "latent_dim": 2, "decoder_channels": 64, "coarser": 1,
              "dilations": (1, 2, 3, 4), "activation": "leaky_relu"}  # fmt: skip
    kinds = {"ours": EncoderDecoderConfig(channels=(24, 48)), "ours, ImSpec's layers": EncoderDecoderConfig(**imspec)}
    fit_config = FitConfig(epochs=1 if options.smoke else 2, batch_size=64)
    images, measured = fit_config.epochs * (rows // 64) * 64, {}
    for name, config in kinds.items():
        model = encoder_decoder(config)
        fit = jax.jit(lambda key, pair, watched, model=model: fit_split(key, model, pair, watched, fit_config)[0])
        program, compilation, _ = timed(lambda f=fit: f.lower(jax.random.key(0), pair, watched).compile())
        seconds = np.median([timed(program, jax.random.key(n), pair, watched)[1] for n in range(3)])
        measured[name] = {"cpu_s_per_1000": seconds * 1000 / images, "compilation_cpu_s": compilation}
        print(f"{name:24} {measured[name]['cpu_s_per_1000']:8.3f} CPU-s, compilation {compilation:.1f}", flush=True)
    python = peers.interpreter(options.peers, ("torch", "atomai"))
    if python is None:
        print("atomai is not installed here: our own cost only (--peers PYTHON names an interpreter that has it)")
        return measured
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patches.npz"
        np.savez(path, image=pair.image, spectrum=pair.spectrum)  # pyright: ignore[reportArgumentType]
        theirs = measured["ImSpec"] = peers.call(
            python, "structure.imspec_side", path, "--epochs", fit_config.epochs + 1
        )
    print(f"{'atomai ImSpec':24} {theirs['cpu_s_per_1000']:8.3f} CPU-s ({theirs['versions']})")
    for name in kinds:
        print(f"{name}: {theirs['cpu_s_per_1000'] / measured[name]['cpu_s_per_1000']:.2f} times as fast as ImSpec")
    return measured


def main(argv=None):
    """Carry out one part and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("quality", "cost"))
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument(
        "--metrics", type=Path, nargs=2, metavar="FILE", help="of image_to_spectrum, and of the dual VAE"
    )
    parser.add_argument("--out", type=Path, help="file for a JSON of all numbers")
    peers.add_option(parser)
    options = parser.parse_args(argv)
    measured = {"quality": quality, "cost": cost}[options.part](options)
    if options.out:
        options.out.write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
