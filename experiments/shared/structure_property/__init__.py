"""Spectra and the structures they come from: scans, their patches, and predictions of one from the other.

options         options of the experiments; no JAX
scans           scans, simulated or the user's own, cut into regions and patches
scoring         scores of predictions
patches         spectra from patches, or patches from spectra: one computation for both directions
arrays          arrays of ``results.nc``, described
figures         figures of the reports; ``summary.html.j2`` has the text of both directions
"""

__all__ = ["arrays", "figures", "options", "patches", "scans", "scoring"]
