"""Kinds of surrogates that the deep-kernel experiments compare; a kind is named like the surrogate.

GAUSSIAN_PROCESS        isotropic Matérn-5/2 on the table, pixels or a latent: only hyperparameters are learned
DEEP_KERNEL             ``bo.deep_kernel``: a sum over blocks of features learned from the pool
PUBLISHED_DEEP_KERNEL   ``bo.published_deep_kernel``: a 64-64-2 network trained with the likelihood at every refit
JOINT_VAE               the same with a VAE's encoder as the network, whose bound is trained as well (``joint_vae``)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import bo
from bo.deep_kernels.blocks import block_kernel
from experiments.shared.deep_kernels.joint_vae import Encoders, joint_vae
from experiments.shared.deep_kernels.tables import network_of


class Setting(NamedTuple):
    """What a surrogate may be built from; each kind takes what it needs."""

    blocks: Sequence[bo.Block]
    rows: Any  # (candidate, column) of the pool's table
    network_steps: int  # of Adam at every fit of a network
    noise_alone: bool = False  # may the deep kernel choose that all is noise?
    start: Encoders | None = None  # the VAE of one seed that JOINT_VAE starts from


class Kind(NamedTuple):
    """A kind of surrogate."""

    surrogate: Callable[[Setting], bo.Surrogate]
    learned: Callable[[Any], Any]  # params → the part that says how the surrogate sees the pool
    network: bool  # whether that part is a network's weights (True) or {lengthscale, variance} of each block


def _gaussian_process(setting: Setting) -> bo.Surrogate:
    config = bo.GPConfig(starts=2, noise_prior=(-2.0, 1.0))
    return bo.gaussian_process(config, kernel=block_kernel(setting.blocks))


def _deep_kernel(setting: Setting) -> bo.Surrogate:
    return bo.deep_kernel(setting.blocks, bo.DeepKernelConfig(folds=3, noise_alone=setting.noise_alone))


def _published_deep_kernel(setting: Setting) -> bo.Surrogate:
    config = bo.PublishedDeepKernelConfig(steps=setting.network_steps)
    return bo.published_deep_kernel(setting.blocks, network_of(setting.blocks[0].stop), config)


def _joint_vae(setting: Setting) -> bo.Surrogate:
    if setting.start is None:
        raise ValueError("JOINT_VAE starts from a VAE: give the campaigns the encoders of one for each seed")
    return joint_vae(setting.blocks, setting.rows, setting.start, setting.network_steps)


def _weights(params: Any) -> Any:
    return params.deep.weights


GAUSSIAN_PROCESS = Kind(_gaussian_process, lambda params: params.kernel, network=False)
DEEP_KERNEL = Kind(_deep_kernel, lambda params: params.gp.kernel, network=False)
PUBLISHED_DEEP_KERNEL = Kind(_published_deep_kernel, _weights, network=True)
JOINT_VAE = Kind(_joint_vae, _weights, network=True)
