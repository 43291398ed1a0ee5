# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Control of a field history by gradient
#
# The published search looks for the best history within a family of four parameters. With gradients through the whole run the history itself can be optimised. Two questions: what does the family cost, and what is left when the field is held longer, or when other defects are drawn?
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy.interpolate import BSpline

import ferro_jax as ferro

SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))
COEFFICIENTS, STEPS, STARTS, FAMILY = (30, 4, 2, 100) if SMOKE else (30, 120, 16, 2000)

setup = ferro.lecture()
defects = ferro.random_field(jax.random.key(0), setup.lattice, coercive_field=setup.coercive_field)
subsets = jax.random.key(2)


def curl(history, defects=defects, setup=setup):
    """Return Σ|curl P| at the end of a history [900]."""
    return ferro.target(ferro.simulate(subsets, history, defects, setup).state, setup)


# %% [markdown]
# ## A history from splines, within the amplitude and the slew of the family
#
# Thirty cubic B-splines whose coefficients pass through tanh, so that the field stays within [−1, 1]. The fastest change from one sample to the next is that of the family.

# %%
knots = np.concatenate([np.zeros(3), np.linspace(0, 1, COEFFICIENTS - 2), np.ones(3)])
places = np.linspace(0, 1, 900).clip(0, 1 - 1e-12)
basis = jnp.asarray(BSpline.design_matrix(places, knots, 3).toarray(), jnp.float32)
family = ferro.damped_oscillation(jax.random.key(5), FAMILY).clean
slew = float(np.quantile(np.abs(np.diff(family, axis=1)).max(1), 0.99))


def history(u):
    """Return the history [900] of coefficients [30] of any size."""
    return basis @ jnp.tanh(u)


def loss(u):
    """Return minus Σ|curl P| and a penalty on what changes faster than the family does."""
    field = history(u)
    excess = jnp.maximum(jnp.abs(jnp.diff(field)) / slew - 1, 0)
    return -curl(field) + 500 * jnp.mean(excess**2)


def limited(field):
    """Return a history whose steps are cut to the slew limit."""
    out = [field[0]]
    for value in field[1:]:
        out.append(out[-1] + np.clip(value - out[-1], -slew, slew))
    return np.clip(np.array(out), -1, 1)


# %%
values = np.asarray(jax.jit(jax.vmap(curl))(family))
best_of_family = family[int(values.argmax())]
inverse = np.linalg.pinv(np.asarray(basis))
starts = np.arctanh((np.asarray(family)[np.argsort(-values)[:STARTS]] @ inverse.T).clip(-0.95, 0.95))

optimiser = optax.adam(optax.cosine_decay_schedule(0.1, STEPS, 0.05))


def body(carry, _):
    u, memory = carry
    value, slope = jax.vmap(jax.value_and_grad(loss))(u)
    change, memory = optimiser.update(slope, memory)
    return (optax.apply_updates(u, change), memory), -value


climb = jax.jit(lambda u: jax.lax.scan(body, (u, optimiser.init(u)), None, length=STEPS))
(u, _), path = climb(jnp.asarray(starts, jnp.float32))
found = np.stack([limited(field) for field in np.asarray(jax.vmap(history)(u))])
reached = np.asarray(jax.jit(jax.vmap(curl))(jnp.asarray(found, jnp.float32)))
best = found[int(reached.argmax())]
print(f"best of {FAMILY:,} in the family {values.max():.2f}; splines, within the same limits, {reached.max():.2f}")

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
axes[0].plot(np.asarray(path))
axes[0].set(xlabel="step", ylabel="Σ|curl P| less the penalty", title=f"{STARTS} starts")
axes[1].plot(best_of_family, label=f"family, {values.max():.1f}")
axes[1].plot(best, label=f"splines, {reached.max():.1f}")
axes[1].set(xlabel="sample", ylabel="field / largest field")
axes[1].legend()
plt.show()

# %% [markdown]
# ## What survives
#
# The same histories after a hold of 1,000 steps at the last field, and with eight other draws of the defects. An optimum that does not survive is a transient of the update rule rather than a texture.

# %%
long = setup._replace(hold_steps=1000)
others = jnp.stack(
    [
        ferro.random_field(key, setup.lattice, coercive_field=setup.coercive_field)
        for key in jax.random.split(jax.random.key(9), 8)
    ]
)
print(f"{'':10s}{'as found':>10s}{'held':>8s}{'other defects':>15s}")
for name, field in (("family", best_of_family), ("splines", best)):
    field = jnp.asarray(field, jnp.float32)
    held = float(jax.jit(lambda field: curl(field, setup=long))(field))
    spread = np.asarray(jax.jit(jax.vmap(lambda local, field: curl(field, local), (0, None)))(others, field))
    print(f"{name:10s}{float(curl(field)):10.2f}{held:8.2f}{spread.mean():10.2f} ± {spread.std():.2f}")
