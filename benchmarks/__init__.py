"""What the packages cost, alone and beside other people's libraries; each benchmark is ``python -m benchmarks.…``.

``make bench`` runs the main ones. ``simulator``: the lattice against hand-written C and naive JAX. ``models``: the VAE
family beside pyroVED. ``campaigns``: Bayesian optimisation beside BoTorch. ``deep_kernels``: beside GPyTorch and gpax.
``structure``: image and spectrum beside atomai. ``curves``: ways to optimise a curve. ``gpu``: what a card gains.
``peers`` starts the other libraries, ``timing`` measures seconds. ``results/`` holds committed measurements.
"""

__all__ = ["campaigns", "curves", "deep_kernels", "gpu", "models", "peers", "simulator", "structure", "timing"]
