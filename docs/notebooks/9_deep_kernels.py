# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Deep kernels a user can trust, and when not
#
# A deep kernel is a Gaussian process on learned features. Trained on the targets by marginal likelihood it overfits in silence: errors far beyond its error bars. Here the features come from the unlabelled pool, and held-out observations decide between deep kernel, plain process and noise alone.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import bo
from experiments import datasets

jax.config.update("jax_enable_x64", True)
SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))
images = datasets.load(jax.random.key(0), "digits")  # 1,797 digits of 8 × 8
rng = np.random.default_rng(0)
rows = rng.permutation(len(images.x))
measured, held = rows[: 60 if SMOKE else 200], rows[-500:]
x = np.asarray(images.x).reshape(len(images.x), -1)

# %% [markdown]
# ## A target that the images explain, and one that they do not
#
# The number shown, standardised; and a random number for each image.

# %%
number = (np.asarray(images.label) - 4.5) / 2.87
targets = {"the number shown": number, "noise": rng.normal(size=len(x))}
features = bo.fit_features(jax.random.key(1), x, (bo.raw(), bo.pca(), bo.diffusion()))


def scores(prediction, truth):
    """Return root mean square error, mean negative log likelihood and coverage of 95 % intervals."""
    z = (truth - prediction.mean) / prediction.std
    nll = jnp.mean(0.5 * z**2 + jnp.log(prediction.std) + 0.5 * jnp.log(2 * jnp.pi))
    return [float(jnp.sqrt(jnp.mean((truth - prediction.mean) ** 2))), float(nll), float(jnp.mean(abs(z) < 1.96))]


@partial(jax.jit, static_argnums=0)
def fit(surrogate, data, points):
    """Return the fitted parameters and the prediction at points, with the noise of an observation."""
    params = surrogate.init(jax.random.key(2), data)
    return params, bo.with_noise(surrogate.predict(params, data, points), surrogate.noise(params))


kinds = (
    ("plain process", bo.gaussian_process(), jnp.asarray(x, float)),
    ("deep kernel", bo.deep_kernel(features.blocks), jnp.asarray(features.table, float)),
)
rows = []
for name, target in targets.items():
    for kind, surrogate, table in kinds:
        data = bo.observations(table[measured], jnp.asarray(target[measured]))
        params, prediction = fit(surrogate, data, table[held])
        rows.append((name, kind, *scores(prediction, jnp.asarray(target[held]))))
        if kind == "deep kernel":
            print(f"{name}: candidate {int(params.report.chosen)} chosen by held-out observations")

# %%
print(f"{'target':18s}{'model':16s}{'RMSE':>8s}{'NLL':>8s}{'coverage':>10s}")
for name, kind, error, nll, coverage in rows:
    print(f"{name:18s}{kind:16s}{error:8.2f}{nll:8.2f}{coverage:10.2f}")

# %% [markdown]
# Predicting the mean has RMSE 1 and NLL 1.42. Where the images say nothing the deep kernel says so: its error bars are as wide as the noise. Trust a deep kernel where its held-out score beats the plain process, and look at the coverage before you look at the mean.
#
# ## A campaign with it

# %%
surrogate = bo.deep_kernel(features.blocks, bo.DeepKernelConfig(noise_alone=False))
plan = bo.CampaignConfig(initial_points=20, steps=5 if SMOKE else 20, refit_every=10, revisit=True)
search = bo.campaign(bo.lookup(number), features.table, surrogate, bo.log_expected_improvement(), plan)
state, info = bo.run(jax.random.key(3), search)
value = np.asarray(info.value)
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.plot(np.arange(1, len(value) + 1), value, "o", label="evaluated")
ax.plot(np.arange(1, len(value) + 1), np.maximum.accumulate(value), label="best so far")
ax.axvline(20.5, color="k", ls=":", label="end of the random start")
ax.set(xlabel="evaluation", ylabel="number shown (standardised)")
ax.legend()
plt.show()
