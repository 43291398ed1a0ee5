# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A thousand campaigns in one program
#
# A campaign is a pure function of a key, so `jax.vmap` runs as many as you like: seeds, exploration weights, materials. One program is compiled, and member i equals the single run with key i.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os
import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import bo

jax.config.update("jax_enable_x64", True)
SEEDS = 4 if os.environ.get("FERRO_JAX_SMOKE") else 125
weights = jnp.array([0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 6.0, 10.0])

branin = bo.problems.branin()
pool = bo.problems.grid(2, 30)
plan = bo.CampaignConfig(initial_points=5, steps=30, refit_every=10, learn_failures=False)


def campaign(key, kappa):
    """Return the best value after each evaluation of one campaign with exploration weight κ."""
    search = bo.campaign(branin.objective, pool, bo.gaussian_process(), bo.upper_confidence_bound(kappa), plan)
    _, info = bo.run(key, search)
    return jax.lax.cummax(info.value)


# %% [markdown]
# ## Compile once
#
# `jax.lax.map` over the weights and `vmap` over the seeds: one program for all campaigns.

# %%
keys = jax.random.split(jax.random.key(0), SEEDS)
sweep = jax.jit(lambda keys, weights: jax.lax.map(lambda kappa: jax.vmap(campaign, (0, None))(keys, kappa), weights))
start = time.perf_counter()
compiled = sweep.lower(keys, weights).compile()
print(f"compiled in {time.perf_counter() - start:.0f} s")
start = time.perf_counter()
best = np.asarray(jax.block_until_ready(compiled(keys, weights)))  # [weight seed evaluation]
print(f"{best.shape[0] * best.shape[1]} campaigns in {time.perf_counter() - start:.0f} s")

# %% [markdown]
# ## Which weight?
#
# Regret: what the best value found so far lacks. Medians with quartiles over seeds.

# %%
largest = float(jnp.max(jax.vmap(lambda x: branin.objective(None, x))(pool)))
regret = largest - best
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for row in (0, 2, 4, 7):
    low, middle, high = np.quantile(regret[row], [0.25, 0.5, 0.75], axis=0)
    evaluations = np.arange(1, regret.shape[2] + 1)
    axes[0].plot(evaluations, middle, label=f"κ = {float(weights[row]):g}")
    axes[0].fill_between(evaluations, low, high, alpha=0.15)
axes[0].set(xlabel="evaluations", ylabel="regret")
axes[0].legend()
reached = regret[:, :, -1] < 1e-9
axes[1].semilogx(weights, reached.mean(1), "o-")
axes[1].set(xlabel="exploration weight κ", ylabel="share of seeds at the optimum of the pool", ylim=(0, 1.02))
plt.show()

# %% [markdown]
# On several devices `bo.run_seeds(keys, search)` spreads the keys. Over days, `bo.run_resumable` survives being killed and goes on bit for bit. `python -m experiments.material_sweep` does the same over materials, draws of the defects and weights, each campaign simulating its own lattice.
