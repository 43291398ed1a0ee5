"""What several test modules share: how the suite compiles, a reference simulator, a pose, a small campaign.

Tests import it as ``helpers``, because pytest puts this folder's parent on the path; programs that tests start in a
process of their own need it in PYTHONPATH.
"""

__all__ = ["compilation", "numpy_ferrosim", "poses", "small_campaign"]
