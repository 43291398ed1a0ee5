"""The place where simulator, models and campaigns meet; the only one with files, plots, seeds and command lines."""

from ferro_jax import before_xla

before_xla.prepare()
