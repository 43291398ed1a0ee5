"""The explorer in a browser: what a page weighs, how fast it draws, how closely its numbers agree with JAX.

chromium  a headless Chromium, driven through a pipe
measure   the numbers of docs/results/explorer.json
"""

__all__ = ["chromium", "measure"]
