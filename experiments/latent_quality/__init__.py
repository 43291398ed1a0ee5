"""What makes a latent space good for optimisation? Eight representations, their order measured, campaigns run in each.

    python -m experiments.latent_quality            # four minutes of CPU time
    python -m experiments.latent_quality --smoke    # a small one

The published claim: a VAE's latent is fixed by the data alone, a deep kernel's also by the target, hence it is better
organised and optimises faster. Here it can fail. Tasks: Σ|curl P| and a smooth function of the two factors of field
histories; rotation and shear of cards. Representations: pixels (raw), ten principal components (pca), a 2-D VAE, a VAE
that also has to predict the labels of the initial design (supervised_vae), the 2-D network of the published deep kernel
(64-64-2, trained with the likelihood) after the initial design (static_dkl: kept, a Gaussian process on it) and trained
on at every refit (active_dkl), and this project's deep kernel (block_dkl: kernels on pixels, components and diffusion
coordinates, whose weights follow the labels; its space is the kernel's embedding to first order), and a VAE trained
together with the Gaussian process on its latent means, at every refit, from the weights of the same seed's VAE
(joint_vae: LOL-BO without its trust region, see ``shared.deep_kernels.joint_vae``). Spaces of active_dkl, block_dkl and
joint_vae are judged as they are at the end of the campaign, the others at its start. ``bo.trained_deep_kernel`` is left
out as too dear. Cards have no convolutional block here, so that both data sets are treated alike.

Campaigns are alike in all (μ + κσ; the same initial designs), judged by evaluations to one of the best 1 % and by
recall of the best 2 %. Two controlled studies: targets that are partly a function of what the data show (α and ω) and
partly the same function of what they do not (A and B, which scaling removes); and VAEs trained with few or many of the
histories whose curl is among the best 10 %. The verdict counts the tasks where a sign test over seeds is below 0.05.

Expected against the VAE's latent: block deep kernel better organised in 4 of 4 tasks, faster to one of the best 1 % in
none, more of the best 2 % found in 2 of 4; the published network 1, 0 and 1 of 4.
"""

from experiments.lab.harness import Experiment
from experiments.latent_quality.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="views")
run = EXPERIMENT.run
