"""The explorer: one HTML file beside a report, in which a latent space is clicked and what it decodes is simulated.

records   what a page shows: layers, campaigns, points, a decoder, a simulator
decoder   a learned family's decoder as layers whose last one gives physical units
lattices  FerroSIM's presets as the page simulates them
page      the file: data as base64 beside the template, style and scripts of ``web``
"""

__all__ = ["decoder", "lattices", "page", "records"]
