"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.lab.run import Array

OF_SEARCH = ("map", "preset", "search", "seed")
OF_MAP = ("map", "preset")
CURL = "sum of |curl P|"
ARRAYS = {
    "preset": Array(("preset",), "1", "set-up of the lattice", coordinate=True),
    "search": Array(("search",), "1", "how points were chosen", coordinate=True),
    "cell": Array(("map", "cell", "latent"), "1", "cells inside the support of a map's latent space"),
    "spread": Array(("map", "latent"), "1", "standard deviation of the encoded training histories"),
    "target": Array(("map", "preset", "cell"), "model unit", f"{CURL} at the end of the cell's history"),
    "threshold": Array(OF_MAP, "model unit", f"{CURL} that counts as arrived: the lowest among the best cells"),
    "value": Array(OF_SEARCH, "model unit", f"{CURL} of the best point found"),
    "point": Array((*OF_SEARCH, "latent"), "1", "the best point found"),
    "held": Array(OF_SEARCH, "model unit", f"{CURL} of the same after 1,000 more steps of the hold"),
    "arrival_values": Array(OF_SEARCH, "1", "values alone until arrival; infinite where a search does not arrive"),
    "arrival_gradients": Array(OF_SEARCH, "1", "values with a gradient until arrival; infinite likewise"),
    "spent": Array(("spent",), "rollouts", "what a search has cost", coordinate=True),
    "growth": Array((*OF_SEARCH, "spent"), "model unit", "best value by cost"),
    "survey_start": Array((*OF_MAP, "start", "latent"), "1", "random cells that ascents begin at"),
    "survey_values": Array((*OF_MAP, "start", "step"), "model unit", f"{CURL} by step of these ascents"),
    "survey_end": Array((*OF_MAP, "start", "latent"), "1", "the best point of each"),
    "survey_end_value": Array((*OF_MAP, "start"), "model unit", f"{CURL} there"),
    "survey_smooth_value": Array((*OF_MAP, "start"), "model unit", f"{CURL} where ascents of the smooth variant end"),
    "line_distance": Array(("place",), "standard deviation", "distance from the best cell along a line"),
    "line_value": Array((*OF_MAP, "place"), "model unit", f"{CURL} along the line"),
    "line_slope": Array((*OF_MAP, "place"), "model unit per standard deviation", "its slope, by gradient"),
    "line_smooth_value": Array((*OF_MAP, "place"), "model unit", "the smooth variant along the line"),
    "line_smooth_slope": Array((*OF_MAP, "place"), "model unit per standard deviation", "its slope, by gradient"),
}
