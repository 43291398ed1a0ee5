"""Plasmonic nanoparticles by coupled dipoles: pairs of images and spectra, simulated or read from a user's own scan.

particles       single assemblies with their dark-field spectra
scan            fields of view over many assemblies, with a spectrum of energy losses at every point
own             a user's own image and spectrum image
shapes          random geometry of assemblies, and pictures of them
optics          light on small metal particles
electrons       energy losses of fast electrons near small metal particles
"""

__all__ = ["electrons", "optics", "own", "particles", "scan", "shapes"]
