"""Spectra and the structures they come from: scans, their patches, and predictions of one from the other.

options         options of the experiments; no JAX
scans           scans, simulated or the user's own, cut into regions and patches
baselines       look-up and linear rules that learned models are compared with
scoring         scores of predictions
regions         points of a scan divided into what is trained on, watched and scored
patches         spectra from patches, or patches from spectra: one computation for both directions
arrays          arrays of ``results.nc``, described
figures         figures of the reports; ``summary.html.j2`` has the text of both directions
"""

__all__ = ["arrays", "baselines", "figures", "options", "patches", "regions", "scans", "scoring"]
