"""The family of variational autoencoders: its Config, its encoder and decoder, the bound, inference and the Model."""

__all__ = ["checks", "config", "decoder", "encoder", "inference", "model", "objective", "recipes"]
