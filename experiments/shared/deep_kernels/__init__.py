"""Static fits and campaigns with deep kernels and the surrogates they are compared with, on a pool of candidates.

options         options of the experiments; no JAX
tables          the candidates as rows that surrogates work on, and the spaces that surrogates make of them
kinds           kinds of surrogates, a record each
programs        compiled fits and campaigns of one kind on one table
vaes            VAEs of a pool; ``joint_vae`` is a surrogate that trains one as it goes
study           what ``dkl_cards`` and ``dkl_trajectories`` have in common
figures         figures of both reports; ``summary.html.j2`` has their tables
"""

__all__ = ["figures", "joint_vae", "kinds", "options", "programs", "study", "tables", "vaes"]
