"""Variational autoencoders, encoder–decoders and their training, as pure functions of a key and parameters.

Train, encode, reconstruct:

    import jax, models

    x = jax.random.uniform(jax.random.key(0), (200, 8, 8))  # images [n ny nx]
    model = models.vae(models.VAEConfig(shape=(8, 8), hidden=(32, 32)))
    settings = models.FitConfig(epochs=3, batch_size=50)
    params, losses = jax.jit(lambda key: models.fit(key, model, models.Batch(x), settings))(jax.random.key(1))
    code = model.encode(params, x[0])  # latents by name, with their uncertainties
    print(code.mean, models.reconstruct(model, params, x[0]).shape)

Names are imported on first use, so that ``import models`` does not wait for Flax.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.data import Batch, Pair
    from models.evaluation.latent import evaluate
    from models.paired.dual_vae import DualVAEConfig, dual_vae
    from models.paired.encoder_decoder import EncoderDecoderConfig, encoder_decoder
    from models.storage import load, save
    from models.training.config import FitConfig
    from models.training.ensemble import fit_ensemble, restarts
    from models.training.loop import fit
    from models.training.resume import fit_resumable
    from models.types import Code, Pose
    from models.vaes import recipes
    from models.vaes.config import VAEConfig
    from models.vaes.model import reconstruct, vae

# Where each public name is defined. Names are imported on first use, so that ``import models`` does not wait for Flax.
_HOMES = {
    "Batch": "models.data",
    "Code": "models.types",
    "DualVAEConfig": "models.paired.dual_vae",
    "EncoderDecoderConfig": "models.paired.encoder_decoder",
    "FitConfig": "models.training.config",
    "Pair": "models.data",
    "Pose": "models.types",
    "VAEConfig": "models.vaes.config",
    "dual_vae": "models.paired.dual_vae",
    "encoder_decoder": "models.paired.encoder_decoder",
    "evaluate": "models.evaluation.latent",
    "fit": "models.training.loop",
    "fit_ensemble": "models.training.ensemble",
    "fit_resumable": "models.training.resume",
    "load": "models.storage",
    "recipes": "models.vaes",
    "reconstruct": "models.vaes.model",
    "restarts": "models.training.ensemble",
    "save": "models.storage",
    "vae": "models.vaes.model",
}
__all__ = [
    "Batch",
    "Code",
    "DualVAEConfig",
    "EncoderDecoderConfig",
    "FitConfig",
    "Pair",
    "Pose",
    "VAEConfig",
    "dual_vae",
    "encoder_decoder",
    "evaluate",
    "fit",
    "fit_ensemble",
    "fit_resumable",
    "load",
    "recipes",
    "reconstruct",
    "restarts",
    "save",
    "vae",
]


def __getattr__(name: str):
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'models' has no attribute {name!r}; it has {', '.join(__all__)}")
    home = import_module(_HOMES[name])
    value = getattr(home, name) if hasattr(home, name) else import_module(f"{_HOMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
