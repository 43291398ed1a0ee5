"""Training: the options of a fit, its loop, ensembles of fits, and fits that go on after they were killed."""

__all__ = ["batching", "config", "ensemble", "epochs", "loop", "pieces", "resume"]
