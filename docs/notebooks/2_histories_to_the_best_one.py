# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Histories to the best one: latent space, campaign, report
#
# A family of field histories, a latent space learned from it, and a campaign over that space that looks for the history with the largest Σ|curl P|. At tutorial size; `python -m experiments.latent_bo` is the whole job with a report and an explorer.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import bo
import ferro_jax as ferro
from models import FitConfig, histories, latent

jax.config.update("jax_enable_x64", True)
SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))  # set where only the code is tested, not the result
family = ferro.damped_oscillation(jax.random.key(0), 200 if SMOKE else 1500)
setup = ferro.lecture()
defects = ferro.random_field(jax.random.key(1), setup.lattice, coercive_field=setup.coercive_field)

# %% [markdown]
# ## Learn the family
#
# The report compares the reconstruction of held-out histories with the mean history and with as many principal components. Its `problems` say what is wrong, if anything is.

# %%
learned = histories.learn(
    np.asarray(family.curves, float),
    bounds=(-1, 1),
    key=jax.random.key(2),
    duration="ignore",
    fit_config=FitConfig(
        epochs=5 if SMOKE else 60, batch_size=50, learning_rate=2e-3
    ),  # leave it out for your own data
)
print(f"error {learned.report.error:.2f} of the spread, mean history {learned.report.mean_error:.2f}")
print(learned.report.problems)

# %% [markdown]
# ## Candidates and truth
#
# A grid over the latent plane, decoded. 1,600 simulations take seconds, so here the truth is known.

# %%
pool = latent.pool(learned, cells=225 if SMOKE else 1600)
subsets = jax.random.key(3)


def curl(key, history):
    """Return Σ|curl P| at the end of a history."""
    return ferro.target(ferro.simulate(subsets, history.astype(jnp.float32), defects, setup).state, setup).astype(float)


truth = np.asarray(jax.jit(jax.vmap(lambda history: curl(None, history)))(jnp.asarray(pool.histories)))
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
dots = ax.scatter(*np.asarray(pool.z).T, c=truth, s=14, marker="s")
figure.colorbar(dots, ax=ax, label="Σ|curl P|")
ax.set(xlabel="latent $z_1$", ylabel="latent $z_2$", title="truth", aspect="equal")
plt.show()

# %% [markdown]
# ## A campaign, for eight seeds at once
#
# 10 random evaluations and 40 by log expected improvement. `bo.lookup` takes the values from the table above; an objective of your own is a function of a key and a point.

# %%
plan = bo.CampaignConfig(initial_points=10, steps=10 if SMOKE else 40, refit_every=10)
candidates = jnp.asarray(pool.z, float)
search = bo.campaign(bo.lookup(truth), candidates, bo.gaussian_process(), bo.log_expected_improvement(), plan)
state, info = bo.run_seeds(jax.random.split(jax.random.key(4), 2 if SMOKE else 8), search)
print("found:", np.round(np.sort(state.best), 2), "of", truth.max().round(2))

random = np.random.default_rng(0)
order = np.stack([random.permutation(truth)[:50] for _ in range(200)])
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
campaign = np.maximum.accumulate(np.asarray(info.value), axis=1)
for runs, name in ((campaign, "campaign, 8 seeds"), (np.maximum.accumulate(order, axis=1), "random, 200 orders")):
    low, middle, high = np.quantile(runs, [0.25, 0.5, 0.75], axis=0)
    evaluations = np.arange(1, runs.shape[1] + 1)
    ax.plot(evaluations, middle, label=name)
    ax.fill_between(evaluations, low, high, alpha=0.2)
ax.axhline(truth.max(), color="k", ls=":", label="largest of all candidates")
ax.set(xlabel="evaluations", ylabel="best Σ|curl P| so far")
ax.legend()
plt.show()

# %% [markdown]
# ## The history it found

# %%
best = int(state.best_index[0])
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(pool.histories[best])
ax.set(xlabel="sample", ylabel="field / largest field", title=f"Σ|curl P| = {truth[best]:.2f}")
plt.show()
