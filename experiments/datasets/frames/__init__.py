"""From a frame to atomic columns and windows around them, and back; and simulated frames with known truth.

simulated       whole frames with grains, vacancies and dopants
"""

__all__ = ["simulated"]
