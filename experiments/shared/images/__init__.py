"""What the experiments with models of images share; nothing here knows of a Run.

options         options of the experiments, and parts of the models that several of them use; no JAX
fits            data split into training, validation and test images; how models are trained; the best of some starts
judging         scores, codes, classes and latent grids of trained models
neighbours      what the nearest neighbours of an image in a latent space say of it
digits          digits and their style; ``digit_figures`` draws both
arrays          the results above as arrays of ``results.nc``
figures         figures of one variant by its name; ``scores.html.j2`` has tables of scores for a report
"""

__all__ = ["arrays", "digit_figures", "digits", "figures", "fits", "judging", "neighbours", "options"]
