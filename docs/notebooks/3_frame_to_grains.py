# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A frame to sublattices and grains
#
# An atomically resolved frame with two grains, vacancies and two sublattices. Columns are found and completed by the lattice, windows are cut around them, and a variational autoencoder that knows rotation and shift sorts them. The frame is simulated, so the truth is known; put your own into `read`.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os

import jax
import matplotlib.pyplot as plt
import numpy as np

import models
from experiments import datasets, plots

SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))  # set where only the code is tested, not the result

truth = datasets.lattice.frame(jax.random.key(0), size=(160, 160) if SMOKE else (256, 256), vacancies=0.03)
frame = truth.image  # yours: datasets.read("frame.dm4")
columns = datasets.find_columns(frame, complete_lattice=True)
windows = datasets.cut(frame, columns)
print(len(columns.xy), "columns, of which the lattice added", int(columns.completed.sum()))
print(windows.x.shape, "windows;", windows.notes)

# %%
figure, ax = plt.subplots(figsize=(6, 6), layout="constrained")
ax.imshow(frame, cmap="gray")
found, added = columns.xy[~columns.completed], columns.xy[columns.completed]
ax.plot(*found.T, "+", ms=4, label="found")
ax.plot(*added.T, "o", mfc="none", ms=7, label="added: vacancies")
ax.set(xlabel="column (px)", ylabel="row (px)")
ax.legend(loc="upper right", framealpha=0.9)
plt.show()

# %% [markdown]
# ## One call to fit
#
# Likelihood and noise come from the data. `report.problems` say what went wrong, if anything did.

# %%
fitted = models.fit_vae(windows, starts=1, steps=60 if SMOKE else 800, progress=False)
codes = fitted.encode(windows)
print(f"error {fitted.report.error:.2f} of the spread of the windows;", fitted.report.problems)
plots.manifold(fitted)
plt.show()

# %% [markdown]
# ## Grains by angle, sublattices by latent
#
# A honeycomb window looks the same after 120°, and the other sublattice is turned by 60°: so angles are shown modulo 60°.

# %%
plots.on_frame(codes, "angle", symmetry=6, positions=windows, frame=frame)
plt.show()

# %%
variable = int(np.argmax(fitted.report.information)) + 1  # the latent that tells most
plots.on_frame(codes, f"z{variable}", positions=windows, frame=frame)
plt.show()

# %% [markdown]
# ## Back in frame pixels
#
# The table has a row for each window: its place, latents, angle. `x` and `y` are the middle of the window plus the shift that the model found, less where the site lies in the model's own picture (sites are taken to be on average where the peaks are); `columns.xy` are the peaks of the frame. Which of the two is nearer to the truth?

# %%
table = windows.to_frame(codes)
shifted, peaks = np.stack([table["x"], table["y"]], 1), columns.xy[windows.number]
for name, places in (("peaks", peaks), ("refined by the pose", shifted)):
    off = np.linalg.norm(truth.xy[:, None] - places, axis=2).min(0)
    print(f"{name}: median distance from the true column {np.median(off):.2f} px")
print({name: np.round(values[:3], 2) for name, values in table.items()})
