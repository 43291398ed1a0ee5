"""From a frame to atomic columns and windows around them, and back; and simulated frames with known truth.

columns         ``find_columns``: the way from a frame to its columns
peaks           noise, hot pixels, and maxima that stand out of the noise
periods         the scale of the lattice, and its cell in each tile of the frame
refining        columns fitted to subpixels
completing      sites of the lattice that have no column
windows         ``cut``: windows around places, and tables back in frame pixels
simulated       whole frames with grains, vacancies and dopants
"""

__all__ = ["columns", "completing", "peaks", "periods", "refining", "simulated", "windows"]
