# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Measured loops: latents, parameters by gradient, which point to measure next
#
# A scan of switching loops with bad samples, as piezoresponse force microscopy gives them. The scan here is simulated, with a truth; `datasets.read` takes your own file, and `python -m experiments.switching_loops --path FILE` makes a report of it.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import bo
import models
from experiments import datasets, plots

jax.config.update("jax_enable_x64", True)
SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))
SIZE = 12 if SMOKE else 24

scan = datasets.loops.simulate(0, datasets.loops.Simulated(size=SIZE, broken=0.0))
loops = scan.response.reshape(SIZE * SIZE, -1)  # [point step]
bias = scan.bias
plots.spectra(loops[:: SIZE * 2], x=datasets.Axis("bias", scan.bias_unit, bias), limits=(-3, 3))
plt.show()

# %% [markdown]
# ## Latents, with a likelihood that bad samples do not pull
#
# Student's t takes a sample that is a thousand amplitudes away for what it is.

# %%
axis = ("bias", scan.bias_unit, bias)
fitted = models.fit_vae(
    loops, likelihood="student_t", axis=axis, starts=1, steps=100 if SMOKE else 1500, progress=False
)
codes = fitted.encode(loops)
print(f"error {fitted.report.error:.2f} of the spread;", fitted.report.problems, fitted.report.notes)
plots.manifold(fitted)
plt.show()

# %% [markdown]
# ## Parameters by gradient
#
# Every loop at once: amplitude, offset, slope, the two coercive biases and the width of the transition, by Adam on log cosh, which is linear in large errors. `jax.vmap` makes one program for all points.

# %%
rising = jnp.asarray(datasets.loops.rising(bias))


def response(p):
    """Return the loop [step] of parameters [6]: offset, slope, log amplitude, two coercive biases, log width."""
    centre = jnp.where(rising, p[3], p[4])
    return p[0] + p[1] * bias + jnp.exp(p[2]) / 2 * jnp.tanh((bias - centre) / jnp.exp(p[5]))


def loss(p, loop, unit):
    """Return the mean robust error of a loop, in units of its spread."""
    error = (response(p) - loop) / (0.05 * unit)
    return jnp.mean(jnp.logaddexp(error, -error))


def fit(loop):
    """Return the parameters of one loop, from a start at its quartiles."""
    low, high = jnp.quantile(loop, jnp.array([0.15, 0.85]))
    start = jnp.array([(low + high) / 2, 0.0, jnp.log(high - low), 2.0, -2.0, 0.0])
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, 600))

    def step(carry, _):
        p, memory = carry
        change, memory = optimiser.update(jax.grad(loss)(p, loop, high - low), memory)
        return (optax.apply_updates(p, change), memory), None

    (p, _), _ = jax.lax.scan(step, (start, optimiser.init(start)), None, length=600)
    return p


parameters = np.asarray(jax.jit(jax.vmap(fit))(jnp.asarray(loops)))
width = (parameters[:, 3] - parameters[:, 4]).reshape(SIZE, SIZE)
true = (scan.truth["coercive_up"] - scan.truth["coercive_down"]).reshape(SIZE, SIZE)
off = abs(width - true)
print(f"width of the loop: median error {np.median(off):.3f} V, of a spread of {true.std():.2f} V")

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
tells = int(np.argmax(fitted.report.information))
maps = (
    (true, "true width (V)"),
    (width, "fitted width (V)"),
    (codes.z[:, tells].reshape(SIZE, SIZE), f"latent $z_{tells + 1}$"),
)
for ax, (values, label) in zip(axes, maps, strict=True):
    low, high = np.quantile(values, [0.02, 0.98])
    figure.colorbar(ax.imshow(values, vmin=low, vmax=high), ax=ax, label=label)
    ax.set(xlabel="column", ylabel="row")
plt.show()

# %% [markdown]
# ## Which point to measure next
#
# A campaign over the points of the scan for the widest loop, from the place alone. Random order beside it.

# %%
grid = jnp.stack(jnp.meshgrid(jnp.arange(SIZE), jnp.arange(SIZE), indexing="ij"), -1).reshape(-1, 2).astype(float)
value = jnp.asarray(width.ravel())
plan = bo.CampaignConfig(initial_points=8, steps=10 if SMOKE else 40, refit_every=10, learn_failures=False)
search = bo.campaign(bo.lookup(value), grid, bo.gaussian_process(), bo.log_expected_improvement(), plan)
_, info = bo.run_seeds(jax.random.split(jax.random.key(1), 8), search)
campaign = np.maximum.accumulate(np.asarray(info.value), axis=1)
rng = np.random.default_rng(0)
random = np.maximum.accumulate([rng.permutation(width.ravel())[: campaign.shape[1]] for _ in range(200)], axis=1)
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, runs in (("campaign, 8 seeds", campaign), ("random, 200 orders", random)):
    low, middle, high = np.quantile(runs, [0.25, 0.5, 0.75], axis=0)
    evaluations = np.arange(1, runs.shape[1] + 1)
    ax.plot(evaluations, middle, label=name)
    ax.fill_between(evaluations, low, high, alpha=0.2)
ax.axhline(width.max(), color="k", ls=":", label="widest of the scan")
ax.set(xlabel="points measured", ylabel="widest loop so far (V)")
ax.legend()
plt.show()
