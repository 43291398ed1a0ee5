# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A field history, its curl, and its gradient
#
# A ferroelectric lattice of 20 × 20 polarization vectors is driven by a field history. At its end the field stops, and Σ|curl P| measures how much the polarization turns. One line gives its derivative through all 950 steps.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import ferro_jax as ferro

SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))  # set where only the code is tested, not the result
setup = ferro.lecture()
defects = ferro.random_field(jax.random.key(0), setup.lattice, coercive_field=setup.coercive_field)
curve = ferro.damped_oscillation(jax.random.key(5), 1).curves[0]  # 900 samples, scaled to [−1, 1]
subsets = jax.random.key(2)  # the sites that are updated in each step


def end(curve):
    """Return the state of the lattice at the end of a history."""
    return ferro.simulate(subsets, curve, defects, setup).state


state = jax.jit(end)(curve)
print(f"Σ|curl P| = {ferro.target(state, setup):.2f}")

# %% [markdown]
# ## The texture
#
# Arrows are the polarization, colours its curl.

# %%
p = np.asarray(state.visible)
curl = np.asarray(ferro.curl(state.visible))
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
axes[0].plot(curve)
axes[0].set(xlabel="sample", ylabel="field / largest field", title="the field history")
shown = axes[1].imshow(curl, cmap="RdBu_r", vmin=-abs(curl).max(), vmax=abs(curl).max(), origin="lower")
axes[1].quiver(p[0], p[1], pivot="mid", scale=25)
axes[1].set(xlabel="column", ylabel="row", title="polarization and curl at the end")
figure.colorbar(shown, ax=axes[1], label="curl P")
plt.show()

# %% [markdown]
# ## The gradient
#
# Which part of the history decides? The derivative of Σ|curl P| with respect to each of the 900 samples, checked against a difference: a step along the gradient changes the value by what the gradient says.


# %%
def value(curve):
    """Return Σ|curl P| at the end, smoothed where |·| has its kink."""
    return ferro.sum_abs_curl(end(curve).visible, smooth=1e-2)


found, slope = jax.jit(jax.value_and_grad(value))(curve)
step = 1e-3 * slope / jnp.linalg.norm(slope)
difference = (jax.jit(value)(curve + step) - jax.jit(value)(curve - step)) / 2
print(f"difference {difference:.6f}, gradient {jnp.vdot(slope, step):.6f}")

figure, ax = plt.subplots(figsize=(9, 3), layout="constrained")
ax.plot(slope)
ax.set(xlabel="sample", ylabel="∂ Σ|curl P| / ∂ field", title="what each sample of the field does to the curl")
plt.show()

# %% [markdown]
# ## A thousand histories at once
#
# `jax.vmap` makes a batch of any function of one lattice.

# %%
family = ferro.damped_oscillation(jax.random.key(1), 50 if SMOKE else 1000)
values = jax.jit(jax.vmap(lambda curve: ferro.target(end(curve), setup)))(family.curves)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
dots = ax.scatter(family.growth, family.frequency, c=values, s=12)
ax.set(xlabel="growth rate α", ylabel="frequency ω", title=f"{len(values):,} histories")
figure.colorbar(dots, ax=ax, label="Σ|curl P|")
plt.show()
