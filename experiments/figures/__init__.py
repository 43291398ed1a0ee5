"""Figures of each experiment: functions of saved results, so that they can be redrawn without computing."""
