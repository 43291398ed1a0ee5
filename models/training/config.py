"""The options of a fit, checked, and the optimiser that follows from them."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from ferro_jax import options
from models.parts.networks import check_choice

SCHEDULES = ("constant", "cosine", "linear", "exponential")


@dataclass(frozen=True)
class FitConfig:
    """The options of a fit.

    ``learning_rate`` is Adam's peak rate, reached linearly over the first ``warmup`` of the steps and then constant or
    falling (by a cosine, linearly, exponentially) to ``final_rate`` times the peak. ``gradient_clip`` bounds the global
    norm of the gradient (0: off). ``validation_fraction`` is the share of the examples that is held out.

    ``average`` is the decay of a moving average of the weights (0: off): the averaged weights are validated and
    returned. After t steps the decay is at most (1 + t) / (10 + t), so that the start is forgotten.

    ``patience`` ends the training once the validation loss has not improved for that many epochs (0: never) and
    returns the weights of the best epoch. Epochs within the first ``stop_after`` of the training are not counted: give
    the share over which the model's schedules run, because nothing improves while they keep the code out of use.

    ``labelled_share`` is the share of every batch that is drawn from labelled examples, all classes alike and with
    replacement; the rest goes through the unlabelled ones (0: rows as they come).
    """

    epochs: int = 75
    batch_size: int = 32
    learning_rate: float = 5e-3
    schedule: str = "cosine"
    warmup: float = 0.02
    final_rate: float = 0.0
    gradient_clip: float = 0.0
    validation_fraction: float = 0.05
    average: float = 0.0
    patience: int = 0
    stop_after: float = 0.0
    labelled_share: float = 0.0

    def __post_init__(self):
        options.check_fields(self)
        check_choice("schedule", self.schedule, SCHEDULES)
        if self.epochs < 1:
            raise ValueError(f"epochs={self.epochs}: train for one epoch or more.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size}: use one example or more per step.")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate}: it must be positive.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction={self.validation_fraction}: give a share strictly between 0 and 1, "
                "for instance 0.1."
            )
        if not (0 <= self.warmup < 1 and self.final_rate >= 0 and self.gradient_clip >= 0):
            raise ValueError(
                f"warmup={self.warmup}, final_rate={self.final_rate}, gradient_clip={self.gradient_clip}: "
                "warmup is a share of the training in [0, 1), the others are zero or more."
            )
        if self.schedule == "exponential" and not self.final_rate > 0:
            raise ValueError("schedule='exponential' never reaches final_rate=0: give a positive one, such as 0.05.")
        if not 0 <= self.average < 1:
            raise ValueError(f"average={self.average}: a decay lies in [0, 1), for instance 0.99; 0 switches it off.")
        if self.patience < 0 or not 0 <= self.stop_after < 1:
            raise ValueError(
                f"patience={self.patience}, stop_after={self.stop_after}: give a number of epochs (0: off) and a "
                "share of the training in [0, 1)."
            )
        if not 0 <= self.labelled_share < 1 or (
            self.labelled_share > 0 and not 0 < self.labelled_rows < self.batch_size
        ):
            raise ValueError(
                f"labelled_share={self.labelled_share} of batch_size={self.batch_size} makes {self.labelled_rows} "
                "labelled rows: at least one labelled and one other row must be in each batch."
            )

    @property
    def labelled_rows(self) -> int:
        """Number of rows of each batch that are drawn from labelled examples."""
        return round(self.labelled_share * self.batch_size)


def optimiser(config: FitConfig, steps: int) -> optax.GradientTransformation:
    """Return Adam with the schedule of ``config`` over ``steps`` steps in all."""
    peak, warmup = config.learning_rate, round(config.warmup * steps)
    falling = max(steps - warmup, 1)
    after = {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, falling, config.final_rate),
        "linear": lambda: optax.linear_schedule(peak, config.final_rate * peak, falling),
        "exponential": lambda: optax.exponential_decay(peak, falling, config.final_rate),
    }[config.schedule]()
    rate = optax.join_schedules([optax.linear_schedule(0.0, peak, max(warmup, 1)), after], [warmup])
    clip = optax.clip_by_global_norm(config.gradient_clip) if config.gradient_clip else optax.identity()
    return optax.chain(clip, optax.adam(rate))


def averaged(average: jax.Array, value: jax.Array, decay: float, steps: jax.Array) -> jax.Array:
    """Return the moving average after one more step t: d · average + (1 − d) · value.

    d = min(decay, (1 + t) / (10 + t)).
    """
    decay_now = jnp.minimum(jnp.asarray(decay, value.dtype), ((1 + steps) / (10 + steps)).astype(value.dtype))
    return decay_now * average + (1 - decay_now) * value
