# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Ask and tell: an instrument, failures, limits, and what survives a crash
#
# A session proposes points to an instrument outside JAX. Here the instrument is a function in NumPy that fails in a part of its range and reports a temperature that must stay below a limit.
#
# On Colab: upload a checkout of the repository as `/content/ferro-jax`, and run `%pip install -q /content/ferro-jax` first.

# %%
import os
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import bo

jax.config.update("jax_enable_x64", True)


EVALUATIONS = 10 if os.environ.get("FERRO_JAX_SMOKE") else 24


def instrument(power, time):
    """Return strength and temperature of a sample, or None where it cracked. Power in W, time in s."""
    if power > 80 and time > 40:
        return None
    strength = np.exp(-(((power - 60) / 25) ** 2) - ((time - 45) / 20) ** 2) + 0.002 * power
    return {"strength": float(strength), "temperature": float(20 + 0.9 * power + 0.3 * time)}


# %% [markdown]
# ## A box in your own units, a value to maximise, a limit

# %%
outcomes = bo.Outcomes("strength", limits={"temperature": bo.Limit(below=85.0)}, units={"temperature": "°C"})
bounds = jnp.array([[0.0, 100.0], [0.0, 60.0]])  # power (W), time (s)
plan = bo.BoxConfig(initial_points=6, steps=EVALUATIONS - 6, refit_every=3)
rule = bo.log_expected_improvement()
search = bo.box(lambda key, x: 0.0, bounds, bo.gaussian_process(), rule, plan, outcomes=outcomes)
lab = bo.session(search)  # the objective is never called
today = lab.start(jax.random.key(0))
asked = []
for _ in range(EVALUATIONS):
    x = lab.ask(today)
    measured = instrument(*np.asarray(x))
    today, info = lab.tell(today, x, measured)
    asked.append((*np.asarray(x), measured))
best = np.asarray(today.state.best_x)
print(f"best {float(today.state.best):.3f} at power {best[0]:.1f} W, time {best[1]:.1f} s, within the limit")

# %%
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for kind, marker, choose in (
    ("within the limit", "o", lambda m: m is not None and m["temperature"] < 85),
    ("too hot", "s", lambda m: m is not None and m["temperature"] >= 85),
    ("failed", "x", lambda m: m is None),
):
    points = np.array([(p, t) for p, t, m in asked if choose(m)]).reshape(-1, 2)
    ax.plot(*points.T, marker, label=f"{kind}: {len(points)}")
ax.plot(*best, "*", ms=16, mfc="none", color="k", label="best within the limit")
ax.set(xlabel="power (W)", ylabel="time (s)", xlim=(0, 100), ylim=(0, 60))
ax.legend()
plt.show()

# %% [markdown]
# ## What survives
#
# Save the session after each answer: JSON and npz, nothing that could run code. After a crash load it and go on: the next question is the same. A folder of another problem is refused, with what differs.

# %%
folder = lab.save(today, tempfile.mkdtemp())
tomorrow = lab.load(folder)
print(np.array_equal(lab.ask(tomorrow), lab.ask(today)))

# %% [markdown]
# Several instruments at a time: `lab.ask(state, 4)` returns four points, `pending=` takes account of those that still run, and answers may come in any order. A study in a folder, with a log that people can edit, is `python -m experiments.process`.
