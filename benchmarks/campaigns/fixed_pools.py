"""Campaigns over fixed pools beside PHYSBO's and BoTorch's, from the same starts: regret, recall and CPU seconds.

    python -m benchmarks.campaigns.fixed_pools --peers PYTHON    three pools, 10 starts each
    python -m benchmarks.campaigns.fixed_pools --smoke           a small job, in seconds

All maximise expected improvement (ours and BoTorch's its logarithm) with a Gaussian process that is fitted again after
every ``--refit`` evaluations, from the same 20 random candidates. ``--lengthscales shared`` is our option for inputs
that are alike, as all are in the first three pools; of the six inputs of ``branin6`` two matter. ``--beside`` names the
peers; without ``--peers`` those that this interpreter lacks are left out. Each has one thread. Recall is the share of
the best 1 % of the candidates that was evaluated. Our compilation is not in the CPU seconds and is told beside them, as
the peers' import is not.
"""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import binomtest, qmc

import bo
from benchmarks import peers
from benchmarks.campaigns import seeds
from benchmarks.campaigns.functions import FUNCTIONS
from benchmarks.campaigns.landscape import landscape

START, STEPS = 20, 480
CHECKPOINTS = (25, 50, 100, 200, 500)
BEST = 0.01  # share of the candidates that recall counts
POOLS, OTHERS = ("landscape", "levy4", "hartmann6"), ("ackley5", "branin6")
PEERS = {"physbo": "PHYSBO", "botorch": "BoTorch"}


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates of a square grid and the values of a drawn landscape there."""
    axis = np.linspace(-10, 10, side)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    return x, np.asarray(jax.vmap(lambda point: landscape()(None, point))(jnp.asarray(x)))


def scattered(name: str, number: int, beside: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return Sobol points of the unit cube and the values of a test function of all their inputs but the last ones."""
    dim = FUNCTIONS[name].dim
    x = qmc.Sobol(dim + beside, seed=7).random(number)
    return x, FUNCTIONS[name].value(x[:, :dim])


def ours(
    x: np.ndarray, y: np.ndarray, initial: np.ndarray, steps: int, refit: int, lengthscales: str | None = None
) -> seeds.Measured:
    """Run our campaigns from the starts ``initial`` (seed, point); the result is the candidates chosen, in order."""
    table, config = jnp.asarray(y), bo.CampaignConfig(initial.shape[1], steps, refit)
    pool = jnp.concatenate([jnp.asarray(x), jnp.arange(len(x), dtype=float)[:, None]], axis=1)

    def run(key, first):
        # the objective finds the value by the candidate's number, which the model does not see
        kernel = f"matern52{list(range(x.shape[1]))}"
        surrogate = bo.gaussian_process(bo.GPConfig(kernel=kernel, lengthscale_prior=lengthscales))
        campaign = bo.campaign(
            lambda key, point: table[point[-1].astype(int)],
            pool,
            surrogate,
            bo.log_expected_improvement(),
            config,
            initial=first,
        )
        return bo.run(key, campaign)[1].index

    return seeds.over_seeds(run, jax.random.split(jax.random.key(3), len(initial)), jnp.asarray(initial, jnp.int32))


def theirs(peer: str, python: str, start: tuple, steps: int, refit: int) -> tuple[np.ndarray, dict]:
    """Run a peer from the same start (x, y, initial); return the candidates chosen, and its cost and versions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.npz"
        np.savez(path, x=start[0], y=start[1], initial=start[2])
        words = ("pool", path, "--score", "log_ei") if peer == "botorch" else (path,)
        report = peers.call(python, f"campaigns.{peer}_side", *words, "--steps", steps, "--refit", refit)
    chosen = np.array([seed["chosen"] for seed in report["seeds"]])
    return chosen, {"cpu_s": [seed["cpu_s"] for seed in report["seeds"]], "versions": report["versions"]}


def judged(y: np.ndarray, chosen: np.ndarray) -> dict:
    """Return regret in percent of the range of values, and recall, after each number of evaluations: of each seed."""
    best = np.argsort(y)[-max(1, round(BEST * len(y))) :]
    reached = [n for n in CHECKPOINTS if n <= chosen.shape[1]]
    value = y[chosen]
    return {
        "regret_percent": {n: 100 * (y.max() - value[:, :n].max(axis=1)) / np.ptp(y) for n in reached},
        "recall": {n: np.isin(chosen[:, :n], best).sum(axis=1) / best.size for n in reached},
    }


def paired(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Say in how many starts our regret is lower, and how probable such a share is where neither side is better."""
    lower, higher = int((ours < theirs).sum()), int((ours > theirs).sum())
    p = binomtest(lower, lower + higher).pvalue if lower + higher else 1.0
    return (
        f"ours lower in {lower}, equal in {len(ours) - lower - higher}, higher in {higher} starts (sign test p {p:.2g})"
    )


def main(argv=None):
    """Measure both sides on every pool and print the table."""
    parser = seeds.parser(__doc__, seeds=10)
    parser.add_argument("--refit", type=int, default=10, help="evaluations from one fit to the next")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--lengthscales", choices=("shared",), help="the prior of our lengthscales by name")
    parser.add_argument("--pools", nargs="+", choices=(*POOLS, *OTHERS), default=POOLS)
    parser.add_argument("--beside", nargs="*", choices=tuple(PEERS), default=tuple(PEERS))
    peers.add_option(parser)
    options = parser.parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    side, number, steps = (12, 128, 20) if options.smoke else (100, 4096, options.steps)
    pools = {"landscape": grid(side)} | {name: scattered(name, number) for name in ("levy4", "hartmann6", "ackley5")}
    pools["branin6"] = scattered("branin", number, beside=4)
    pythons = {name: peers.interpreter(options.peers, (name,)) for name in options.beside}
    generator, measured = np.random.default_rng(options.seed), {}
    for name, (x, y) in pools.items():
        initial = np.stack([generator.choice(len(x), START, replace=False) for _ in range(options.seeds)])
        if name not in options.pools:
            continue
        chosen, cpu, compile_cpu = ours(x, y, initial, steps, options.refit, options.lengthscales)
        sides = {"ours": judged(y, np.asarray(chosen)) | {"cpu_s": [cpu / options.seeds]}}
        print(f"{name}, {len(x)} candidates: ours {cpu / options.seeds:.2f} CPU-s, compilation {compile_cpu:.1f} CPU-s")
        for peer, python in pythons.items():
            if python is not None:
                found, cost = theirs(peer, python, (x, y, initial), steps, options.refit)
                sides[peer] = judged(y, found) | cost
                print(f"  {PEERS[peer]} {sides[peer]['versions'][peer]}: {seeds.spread(sides[peer]['cpu_s'])} CPU-s")
        for who, row in sides.items():
            for n, regret in row["regret_percent"].items():
                line = f"  after {n}: {who} regret {seeds.spread(regret)} %"
                print(f"{line}, best 1 % found {seeds.spread(row['recall'][n])}", flush=True)
                if who != "ours":
                    print(f"    {paired(sides['ours']['regret_percent'][n], regret)}", flush=True)
        measured[name] = sides
    seeds.save(options.out, measured)


if __name__ == "__main__":
    main()
