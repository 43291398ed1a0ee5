"""Variational autoencoders and their training, as pure functions of a key and parameters."""
