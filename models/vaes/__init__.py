"""The family of variational autoencoders: its Config, its encoder and decoder, the bound, inference and the Model."""

__all__ = [
    "bound",
    "checks",
    "coding",
    "config",
    "decoder",
    "encoder",
    "examples",
    "family",
    "inference",
    "latents",
    "model",
    "objective",
]
