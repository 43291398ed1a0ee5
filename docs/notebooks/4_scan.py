# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A scan to components, spectra from images and back
#
# A hyperspectral scan and the image taken with it. How many components are in the spectra, and where; and how much of the spectrum is told by the structure around a point?
#
# The scan is simulated: particles of three kinds, counts with Poisson noise. Yours is `datasets.read("scan.dm4")`.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import models
from experiments import datasets, plots

SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))  # set where only the code is tested, not the result
NY, NX = (28, 36) if SMOKE else (48, 64)
rng, energy = np.random.default_rng(0), np.linspace(1.6, 4.0, 60)
y, x = np.mgrid[:NY, :NX]
thick = np.zeros((NY, NX))
for row, column, radius in zip(rng.uniform(0, NY, 40), rng.uniform(0, NX, 40), rng.uniform(2, 6, 40), strict=True):
    thick = np.maximum(thick, np.sqrt(np.maximum(radius**2 - (y - row) ** 2 - (x - column) ** 2, 0)))
edge = np.hypot(*np.gradient(gaussian_filter(thick, 1)))  # the surface plasmon lives where the thickness changes
lines = np.exp(-((energy - np.array([[2.2], [3.0], [3.6]])) ** 2) / 0.03)
weight = np.stack([edge, thick / thick.max(), 0.3 * np.ones_like(thick)], -1)
image = rng.poisson(400 * (0.1 + thick / thick.max()))
cube = rng.poisson(40 * weight @ lines)  # [y x channel]

axis = datasets.Axis("energy loss", "eV", energy)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
figure.colorbar(axes[0].imshow(image, cmap="gray"), ax=axes[0], label="image (counts)")
axes[1].plot(energy, cube.mean((0, 1)))
axes[1].set(xlabel="energy loss (eV)", ylabel="mean counts")
plt.show()

# %% [markdown]
# ## Components, weighted by the noise of the counts
#
# The number is chosen by counts that were held out.

# %%
found = models.fit_nmf(cube)
print(f"{len(found.share)} components (three were put in); counts: {found.counts}")
plots.components(found, x=axis, unit="counts")
plt.show()

# %% [markdown]
# ## Spectra from image patches
#
# Scored on columns that were held out, with no patch over the border. Beside the error stand two rules: the spectrum of the most similar trained patch, and a ridge regression.

# %%
fit = models.fit_im2spec(image, cube, axis=axis, starts=1, steps=100 if SMOKE else 1000, progress=False)
report = fit.report
print(f"error {report.error:.2f}, nearest {report.nearest:.2f}, ridge {report.ridge:.2f} (1: the mean spectrum)")
print(report.problems)
predicted = fit.predict(image)  # in counts, NaN where a patch leaves the image
channel = int(np.argmin(abs(energy - 2.2)))
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
top = np.quantile(cube[..., channel], 0.995)
for ax, values, title in zip(axes, (cube, predicted), ("measured", "predicted from the image"), strict=True):
    figure.colorbar(ax.imshow(values[..., channel], vmin=0, vmax=top), ax=ax, label="counts at 2.2 eV")
    ax.set(title=title, xlabel="column", ylabel="row")
plt.show()

# %% [markdown]
# ## Images from spectra
#
# The other direction is the same call.

# %%
back = models.fit_im2spec(
    image, cube, direction="spectrum_to_image", axis=axis, starts=1, steps=100 if SMOKE else 1000, progress=False
)
print(f"error {back.report.error:.2f}, nearest {back.report.nearest:.2f}, ridge {back.report.ridge:.2f}")
print(back.report.problems)
rows = range(10, NY - 8, 6)
patches = back.predict(cube[list(rows), 20])
figure, axes = plt.subplots(1, len(patches), figsize=(11, 2.4), layout="constrained")
for ax, patch, row in zip(axes, patches, rows, strict=True):
    shown = ax.imshow(np.squeeze(patch), cmap="gray", vmin=image.min(), vmax=image.max())
    ax.set(title=f"row {row}, column 20", xticks=[], yticks=[])
figure.colorbar(shown, ax=axes, label="counts")
plt.show()
