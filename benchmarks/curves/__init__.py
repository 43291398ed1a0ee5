"""Optimise a curve of 200 samples with few evaluations: eight ways, on problems whose optimum is known.

    python -m benchmarks.curves --out FOLDER                       all problems and methods, 10 seeds, 300 evaluations
    python -m benchmarks.curves --out FOLDER --table TABLE.npz     also the table of ``experiments.battery``, a pool of
                                                                   histories 70 % of which fail
    python -m benchmarks.curves --out FOLDER --problems reactor --methods vae splines
    python -m benchmarks.curves --smoke

Each problem and method is a file of FOLDER, written when it is done: an interrupted run goes on, and a file that is
removed is measured again. FOLDER also gets tables.json (in the form of ``docs/results``), tables.md and a figure.

Regret is (optimum − best so far) / (optimum − median of the generated histories): 0 at the optimum, 1 for a history as
good as half of those that a user would invent. It may be negative where the optimum is known by exhaustion of a family.
"""

__all__ = ["evolution", "exercises", "methods", "physics", "pools", "problem", "report"]
