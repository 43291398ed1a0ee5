"""Options of all configs are checked against their annotations when a config is made."""

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
import ferro_jax as ferro
import models
from ferro_jax import options

pytestmark = pytest.mark.usefixtures("as_users_run")

CONFIGS = (
    bo.GPConfig, bo.CampaignConfig, bo.BoxConfig, bo.SamplingConfig, bo.DeepKernelConfig, bo.TrainedDeepKernelConfig,
    bo.PublishedDeepKernelConfig, models.VAEConfig, models.FitConfig, models.DualVAEConfig, models.EncoderDecoderConfig,
    ferro.Lattice,
)  # fmt: skip
NOT_REAL = [math.nan, math.inf, -math.inf, 1j, "1", True, None, [1.0], np.float64("nan"), 10**400]
WRONG: dict[Any, list[Any]] = {
    int: [2.5, "4", True, np.bool_(True), math.nan, math.inf, None, (1,), np.float32(1.5)],
    float: NOT_REAL,
    bool: ["no", "False", 0, 1, None, 1.0, np.array([True])],
    str: [1, None, b"rbf", ("rbf",)],
    tuple[float, float]: [(0, 1, 2), (0.0,), 1.0, "01", (0.0, math.nan), (0.0, "1"), None],
    tuple[int, ...]: [(8.5,), 8, "8", ("8",), (True,), None],
    tuple[int, int]: [(6.5, 6), (6,), (6, 6, 6), 6, None],
    tuple[str, ...]: ["angle", (1,), None],
}


def cases():
    """Every field of every config with every value that its annotation forbids."""
    for config in CONFIGS:
        for field in dataclasses.fields(config):
            for value in WRONG.get(field.type, []):
                if (field.name, value) != ("angle_std", math.inf):
                    yield config, field.name, value


def test_every_config_refuses_every_value_of_a_wrong_type_by_its_option():
    seen = set()
    for config, name, value in cases():
        seen.add(dataclasses.fields(config)[0].type)
        with pytest.raises(ValueError, match=rf"^{name} is .*; expected ") as error:
            config(**{name: value})
        assert repr(value)[:70] in str(error.value)
    assert len(list(cases())) > 400 and {str, int} <= seen


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bo.GPConfig(lengthscale_prior=(0, 1, 2)), r"a tuple of 2 finite numbers, text or None"),
        (lambda: bo.GPConfig(variance_prior=(0.0, 0.0)), "positive scale"),
        (lambda: bo.GPConfig(noise_prior=(0.0, -1.0)), "positive scale"),
        (lambda: bo.GPConfig(lengthscale_prior=(0.0, -1.0)), "positive scale"),
        (lambda: bo.GPConfig(noise_floor=math.inf), "noise_floor is inf; expected a finite number"),
        (lambda: bo.CampaignConfig(surprise=math.nan), "surprise is nan; expected a finite number or None"),
        (lambda: bo.DeepKernelConfig(gp="exact"), "gp is 'exact'; expected a GPConfig"),
        (lambda: models.VAEConfig(kl_weight="1"), "expected a finite number or a tuple of tuples of 2 finite numbers"),
        (lambda: models.VAEConfig(pose="angle"), r"pose is 'angle'; expected a tuple of texts, such as \('angle',\)"),
        (lambda: models.VAEConfig(sigma=math.inf), "sigma is inf"),
        (lambda: models.FitConfig(patience=math.nan), "patience is nan; expected a whole number"),
        (lambda: bo.Limit(below="1"), "below is '1'; expected a finite number or None"),
        (lambda: bo.Outcomes("a", units="V"), "units is 'V'; expected a dict of text to text"),
        (lambda: bo.Outcomes("a", {"b": 3}), "limits is .*; expected a dict of text to a Limit"),
        (lambda: bo.Outcomes("a", record=(1,)), r"record is \(1,\); expected a tuple of texts"),
        (lambda: bo.Outcomes("a", record="b"), r"record is 'b'; .*\('b',\)"),
        (lambda: bo.Outcomes(3), "maximise is 3; expected text or a tuple of texts"),
        (lambda: bo.Outcomes("a", {"b": bo.Limit(0.0)}, safe="0.9"), "safe is '0.9'"),
        (lambda: bo.real("dose", 1, 2, log="no"), "log of input 'dose' is 'no'; expected True or False"),
        (lambda: bo.real("dose", 1, 2, context=1), "context of input 'dose' is 1"),
        (lambda: bo.integer("dose", 1, 2, 3), "units of input 'dose' is 3; expected text"),
        (lambda: bo.at_most({"a": 1}, "1"), "the bound of the constraint is '1'"),
        (lambda: bo.at_least({"a": "1"}, 1), "the weight of 'a' is '1'"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_numbers_of_other_libraries_are_the_same_options_as_pythons():
    plain = bo.GPConfig(starts=3, ard=True, noise_floor=0.25, variance_prior=(0.0, 2.0))
    others: list[dict[str, Any]] = [
        {"starts": np.int64(3), "ard": np.bool_(True), "noise_floor": np.float32(0.25), "variance_prior": [0, 2]},
        {"starts": jnp.array(3), "ard": jnp.array(True), "noise_floor": jnp.array(0.25)},
        {"starts": 3.0, "noise_floor": np.array(0.25), "variance_prior": np.array([0.0, 2.0])},
    ]
    for other in others:
        config = bo.GPConfig(**{"noise_floor": 0.25, "variance_prior": (0.0, 2.0)} | other)
        assert config == plain and hash(config) == hash(plain)
        assert type(config.starts) is int and type(config.ard) is bool and type(config.noise_floor) is float
    assert models.VAEConfig(shape=[np.int32(6), 6.0]).shape == (6, 6)
    assert type(models.VAEConfig(activation=np.str_("relu")).activation) is str
    assert models.VAEConfig(angle_std=math.inf, shape=(6, 6), decoder="coordinate", pose=("angle",),
                            angle_posterior="circular").angle_std == math.inf  # fmt: skip
    assert bo.CampaignConfig(surprise=3).surprise == 3 and bo.CampaignConfig(surprise=None).surprise is None


def test_a_traced_number_is_no_option():
    with pytest.raises(ValueError, match="noise_floor is .*expected a finite number"):
        jax.jit(lambda floor: bo.GPConfig(noise_floor=floor).noise_floor)(0.1)


def test_literals_and_classes():
    literal: Any = Literal["a", 1]
    assert options.option("a", "way", literal) == "a" and options.option(np.int64(1), "way", literal) == 1
    for wrong in ("b", True, 1.0):
        with pytest.raises(ValueError, match="way is .*; expected one of 'a', 1"):
            options.option(wrong, "way", literal)
    with pytest.raises(ValueError, match="batch is 3; expected a Batch"):
        options.option(3, "batch", models.Batch)
