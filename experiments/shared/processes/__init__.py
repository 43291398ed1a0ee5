"""Processes with a history to choose: charging, annealing, heat treatment; simulators and generated histories."""

__all__ = [
    "annealing",
    "battery",
    "battery_worker",
    "figures",
    "improving",
    "integrate",
    "learning",
    "options",
    "records",
    "search",
    "steel",
    "tables",
]
