"""Gaussian processes on features: one kernel per block and one on the raw points, chosen by what they predict.

The features are learned from the unlabelled pool (``bo.features.base``), not from the targets. Amplitudes, lengthscales
and noise maximise their posterior; the amplitude says how much each block counts. The plain Gaussian process on the raw
block is always among the candidates. Another candidate replaces it only where it predicts held-out observations better,
by a margin. The held-out observations also say by which factor the variances are too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bo.deep_kernels.blocks import KINDS
from bo.deep_kernels.candidates import Candidates, cold_starts, fit_candidates, masks, processes
from bo.features.base import Block
from bo.surrogates.base import Surrogate
from bo.surrogates.checks import check
from bo.surrogates.process_types import GPConfig
from bo.surrogates.wrapping import wrap
from ferro_jax import options


@dataclass(frozen=True)
class DeepKernelConfig:
    """``kernel`` is the kind for every block: matern52, matern32, matern12 or rbf.

    ``folds`` of the observations are held out in turn, row i in fold i mod folds. A candidate replaces the plain
    Gaussian process where its held-out NLL (per datum, of standardised targets) is lower by ``margin``. With
    ``noise_alone`` a constant with noise is a candidate as well. That is right for predictions and wrong for a
    campaign, because candidates on a flat surface are taken in the pool's order. ``gp`` holds precision, prior of the
    noise and the settings of the optimiser; its kernel is not used.

    ValueError for an unknown kernel, fewer than 2 folds and a negative margin.
    """

    kernel: str = "matern52"
    folds: int = 5
    margin: float = 0.02
    noise_alone: bool = True
    gp: GPConfig = field(default_factory=lambda: GPConfig(starts=2, noise_prior=(-2.0, 1.0)))

    def __post_init__(self):
        options.check_fields(self)
        if self.kernel not in KINDS:
            raise ValueError(f"kernel is {self.kernel!r}; expected one of {sorted(KINDS)}")
        if self.folds < 2 or not self.margin >= 0:
            raise ValueError(f"folds={self.folds}, margin={self.margin}: expected 2 or more, and 0 or more")


def deep_kernel(
    blocks: Sequence[Block],
    config: DeepKernelConfig | None = None,
    *,
    candidates: Sequence[Sequence[str]] | None = None,
) -> Surrogate:
    """Return the Surrogate on rows of a ``bo.features.base`` table, which may have more columns than the blocks.

    Each of ``candidates`` names the blocks of one sum: by default the plain Gaussian process, if there is a block
    "raw", and the sum of all. The first one is preferred by the margin. Last of all, and preferred to it by another
    margin, comes noise around a constant mean (``DeepKernelConfig.noise_alone``): a target that depends on none of the
    features gets the same prediction everywhere. params.report is a ``Report``. ValueError for an unknown block; and,
    where the data are no tracers, for fewer than 3 observations or constant targets.
    """
    config = config or DeepKernelConfig()
    model, fitting = processes(blocks, config.kernel, config.gp)
    active = masks(blocks, candidates, config.noise_alone)
    fitted = Candidates(fitting, blocks, active, config.folds, config.margin, config.noise_alone)

    @model.one_by_one
    def fit_all(thetas, data):
        return fit_candidates(fitted, thetas, data)

    def init(key, data):
        check(data)
        data = model.cast(data)
        starts = fitting.layout(data.x.shape[1]).starts(key, config.gp.starts)
        return fit_all(cold_starts(fitted, starts), data)[0]

    def fit(key, params, data):
        del key
        check(data)
        return fit_all(params.thetas, model.cast(data))

    return wrap(model.surrogate(init, fit), init=init, fit=fit, params=lambda params: params.gp)
