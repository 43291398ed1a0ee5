"""Shared by test modules: flags of compilation, pages of the explorer, smoke runs, a reference simulator, a pose,
a small campaign, surrogates of every kind.

Tests import it as ``helpers``, because pytest puts this folder's parent on the path; programs that tests start in a
process of their own need it in PYTHONPATH.
"""

__all__ = ["compilation", "explorers", "finished_runs", "numpy_ferrosim", "poses", "small_campaign", "surrogates"]
