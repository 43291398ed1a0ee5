"""Variational autoencoders, encoder–decoders and their training, as pure functions of a key and parameters.

Train, encode, decode:

    import jax, models

    x = jax.random.uniform(jax.random.key(0), (200, 8, 8))  # images [n ny nx]
    model = models.vae(models.VAEConfig(shape=(8, 8), hidden=(32, 32)))
    fit_config = models.FitConfig(epochs=3, batch_size=50)
    params, history = jax.jit(lambda key: models.fit(key, model, x, fit_config))(jax.random.key(1))
    code = models.encode_all(model, params, x)  # the posterior of every image: mean and std [200 2]
    image = model.decode(params, code.mean[0])  # a Model's own functions take ONE example
    print(history.validation["loss"], code.mean.shape, image.shape)

Names are imported on first use, so that ``import models`` does not wait for Flax.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ferro_jax import before_xla

before_xla.prepare()

if TYPE_CHECKING:
    from models import features, histories, latent, recipes
    from models.data import Batch, Pair
    from models.evaluation import alignment, scores
    from models.evaluation.existence import aggregated_log_density, exploration_score
    from models.evaluation.latent import (
        decode_all,
        encode_all,
        evaluate,
        inside_support,
        latent_grid,
        negative_elbo,
        reconstruct_all,
    )
    from models.evaluation.problems import Checked, problems_of
    from models.evaluation.traversal import linear_axis, manifold, quantile_axis, traverse, traverse_pose
    from models.fitted.fitting import fit_vae
    from models.fitted.records import Codes
    from models.fitted.result import Fitted
    from models.fitted_pairs.dual import fit_dual
    from models.fitted_pairs.dual_predicting import FittedDual
    from models.fitted_pairs.im2spec import fit_im2spec
    from models.fitted_pairs.loading import load_fitted
    from models.fitted_pairs.predicting import Im2Spec
    from models.guesses import groups_of, guess_classes
    from models.nmf import Factors, fit_nmf
    from models.paired.config import DualVAEConfig, EncoderDecoderConfig
    from models.paired.dual_vae import dual_vae, impute
    from models.paired.encoder_decoder import encoder_decoder, predict
    from models.parts.observation import Observed, observation_of
    from models.storage import load, save
    from models.training.config import FitConfig
    from models.training.ensemble import class_guide, class_probabilities, fit_ensemble, restarts
    from models.training.loop import fit, fit_split
    from models.training.resume import fit_resumable
    from models.types import Code, FitHistory, Model, Pose, Posterior
    from models.vaes.config import VAEConfig
    from models.vaes.model import decode_code, reconstruct, vae

__all__ = [
    "Batch",
    "Checked",
    "Code",
    "Codes",
    "DualVAEConfig",
    "EncoderDecoderConfig",
    "Factors",
    "FitConfig",
    "FitHistory",
    "Fitted",
    "FittedDual",
    "Im2Spec",
    "Model",
    "Observed",
    "Pair",
    "Pose",
    "Posterior",
    "VAEConfig",
    "aggregated_log_density",
    "alignment",
    "class_guide",
    "class_probabilities",
    "decode_all",
    "decode_code",
    "dual_vae",
    "encode_all",
    "encoder_decoder",
    "evaluate",
    "exploration_score",
    "features",
    "fit",
    "fit_dual",
    "fit_ensemble",
    "fit_im2spec",
    "fit_nmf",
    "fit_resumable",
    "fit_split",
    "fit_vae",
    "groups_of",
    "guess_classes",
    "histories",
    "impute",
    "inside_support",
    "latent",
    "latent_grid",
    "linear_axis",
    "load",
    "load_fitted",
    "manifold",
    "negative_elbo",
    "observation_of",
    "predict",
    "problems_of",
    "quantile_axis",
    "recipes",
    "reconstruct",
    "reconstruct_all",
    "restarts",
    "save",
    "scores",
    "traverse",
    "traverse_pose",
    "vae",
]

# Where each public name is defined. Names are imported on first use, because Flax takes seconds to import.
_MODULES = {
    "alignment": "models.evaluation.alignment",
    "features": "models.features",
    "histories": "models.histories",
    "latent": "models.latent",
    "recipes": "models.recipes",
    "scores": "models.evaluation.scores",
}
_NAMES = {
    "models.data": ("Batch", "Pair"),
    "models.evaluation.existence": ("aggregated_log_density", "exploration_score"),
    "models.evaluation.latent": (
        "decode_all",
        "encode_all",
        "evaluate",
        "inside_support",
        "latent_grid",
        "negative_elbo",
        "reconstruct_all",
    ),
    "models.evaluation.problems": ("Checked", "problems_of"),
    "models.evaluation.traversal": ("linear_axis", "manifold", "quantile_axis", "traverse", "traverse_pose"),
    "models.fitted.fitting": ("fit_vae",),
    "models.fitted.records": ("Codes",),
    "models.fitted.result": ("Fitted",),
    "models.fitted_pairs.dual": ("fit_dual",),
    "models.fitted_pairs.dual_predicting": ("FittedDual",),
    "models.fitted_pairs.im2spec": ("fit_im2spec",),
    "models.fitted_pairs.loading": ("load_fitted",),
    "models.fitted_pairs.predicting": ("Im2Spec",),
    "models.guesses": ("groups_of", "guess_classes"),
    "models.nmf": ("Factors", "fit_nmf"),
    "models.paired.config": ("DualVAEConfig", "EncoderDecoderConfig"),
    "models.paired.dual_vae": ("dual_vae", "impute"),
    "models.paired.encoder_decoder": ("encoder_decoder", "predict"),
    "models.parts.observation": ("Observed", "observation_of"),
    "models.storage": ("load", "save"),
    "models.training.config": ("FitConfig",),
    "models.training.ensemble": ("class_guide", "class_probabilities", "fit_ensemble", "restarts"),
    "models.training.loop": ("fit", "fit_split"),
    "models.training.resume": ("fit_resumable",),
    "models.types": ("Code", "FitHistory", "Model", "Pose", "Posterior"),
    "models.vaes.config": ("VAEConfig",),
    "models.vaes.model": ("decode_code", "reconstruct", "vae"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str):
    """Import a public name from its home on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'models' has no attribute {name!r}; it has {', '.join(__all__)}")
    before_xla.prepare()  # once more: the program may have replaced XLA_FLAGS since the import
    value = import_module(_MODULES[name]) if name in _MODULES else getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
