"""The mark of a function changes with whatever it computes from, and with nothing else."""

import array
import collections
import dataclasses
import functools
import importlib
import operator
import os
import subprocess
import sys
import types
from enum import Enum
from fractions import Fraction
from itertools import islice
from pathlib import Path
from threading import Lock

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.decomposition import PCA

import bo
import models
from bo.campaigns.problem import described
from experiments.process import resuming, settings, study
from experiments.process.config import Run
from ferro_jax import identity
from ferro_jax.identity import REACHED
from helpers import small_campaign

ROOT, KEY = Path(__file__).parent.parent, jax.random.key(0)


class Slotted:
    """Holds its number in a slot."""

    __slots__ = ("gain",)

    def __init__(self, gain):
        self.gain = gain


@dataclasses.dataclass
class Later:
    """Holds a number that is no field."""

    number: int = 1

    def __post_init__(self):
        self.gain = self.number


class Text(str):
    """A text with an attribute."""


def later(gain):
    one = Later()
    one.gain = gain
    return one


def text(gain):
    one = Text("same")
    one.gain = gain
    return one


def settings_class(gain):
    return type("Settings", (), {"gain": gain, "__module__": __name__})


def settings_module(gain):
    module = types.ModuleType("settings_of_today")
    module.gain = gain
    return module


def with_attribute(gain):
    def function(x):
        return function.gain * x

    function.gain = gain
    return function


HOLDERS = {
    "DataFrame": lambda gain: pd.DataFrame({"v": gain * np.arange(3.0)}),
    "index": lambda gain: pd.DataFrame({"v": np.arange(3.0)}, index=gain * np.arange(3.0)),
    "Series": lambda gain: pd.Series(gain * np.arange(3.0)),
    "names": lambda gain: pd.Series(np.arange(3.0), name=f"v{gain}"),
    "DataArray": lambda gain: xr.DataArray([gain]),
    "coordinate": lambda gain: xr.DataArray([1.0], coords={"x": [gain]}, dims="x"),
    "Dataset": lambda gain: xr.Dataset({"v": ("x", [gain])}),
    "PCA": lambda gain: PCA(1).fit(gain * np.random.default_rng(0).normal(size=(9, 2))),
    "inside": lambda gain: {"list": [types.MappingProxyType({"deque": collections.deque([gain])})]},
    "bytearray": lambda gain: bytearray([int(gain)]),
    "memoryview": lambda gain: memoryview(bytes([int(gain)])),
    "array": lambda gain: array.array("d", [gain]),
    "range": lambda gain: range(int(gain), 50),
    "slice": lambda gain: slice(int(gain), 50),
    "Fraction": lambda gain: Fraction(int(gain), 3),
    "itemgetter": lambda gain: operator.itemgetter(int(gain)),
    "partial": lambda gain: functools.partial(operator.mul, Fraction(int(gain))),
    "mask": lambda gain: np.ma.array([1.0, 2.0], mask=[gain > 2, True]),
    "bound": lambda gain: [gain].count,
    "generator": lambda gain: np.random.default_rng(int(gain)),
    "vectorized": lambda gain: np.vectorize(lambda x: gain * x),
    "slots": Slotted,
    "dataclass": later,
    "text": text,
    "class": settings_class,
    "module": settings_module,
    "attribute": with_attribute,
    "enum": lambda gain: Enum("Mode", {"A": gain}, module=__name__).A,
    "objects": lambda gain: np.array([Fraction(int(gain)), None], object),
    "in a set": lambda gain: frozenset([Slotted(gain)]),
}


def mark(value):
    return identity.digest(value), identity.attributes(value), identity.reached(value).get(REACHED, "")


@pytest.mark.parametrize("name", HOLDERS)
def test_what_a_function_holds_counts_by_its_values(name):
    def objective(holder):
        return lambda key, x: holder.gain * x[0]

    one, again, other = (mark(objective(HOLDERS[name](gain))) for gain in (2.0, 2.0, 3.0))
    assert one == again != other


def test_methods_count_when_the_code_calls_them_and_only_then():
    def instance(factor, unused=1.0, twice=2.0, shown=1.0):
        class Simulator:
            gain, idle = factor, unused

            def run(self, key, x):
                return self.help(x) * len(self)

            def help(self, x):
                return self.gain * x[0] + self.half

            @property
            def half(self):
                return twice

            def __len__(self):
                return int(twice)

            def other(self):
                return shown

        Simulator.__qualname__ = "Simulator"
        return Simulator()

    call = [lambda each: each.run, lambda each: lambda key, x: each.run(key, x)]
    for of in call:
        before = mark(of(instance(2.0)))
        assert before == mark(of(instance(2.0))) == mark(of(instance(2.0, unused=5.0, shown=3.0)))
        assert before != mark(of(instance(3.0))) and before != mark(of(instance(2.0, twice=4.0)))


def test_one_for_another_is_another_function():
    one, two = Fraction(1), Fraction(2)
    assert mark((one, two, one)) != mark((one, two, two)) != mark((two, one, one))
    circle = [one]
    circle.append(circle)
    assert mark(circle) == mark(circle) != mark([two, *circle[1:]])


def test_what_is_marked_by_earlier_versions_has_no_further_mark():
    one = small_campaign.build()
    for value in (one.parts, bo.fully_bayesian(), bo.two_fidelities(), models.vae(models.VAEConfig(shape=(4, 4)))):
        assert REACHED not in identity.reached(value)
    table = jnp.arange(3.0)
    assert REACHED not in identity.reached(jax.jit(lambda key, x: np.sin(table) + islice.__name__))
    assert REACHED not in described(one)


def test_a_state_that_cannot_be_read_is_named():
    stream, lock = (number for number in range(3)), Lock()
    with pytest.warns(UserWarning, match="the state of a builtins.generator cannot be read"):
        identity.reached(lambda key, x: next(stream) * x[0])
    assert REACHED not in identity.reached(lambda key, x: lock)


MODULE = """
GAIN, IDLE = 2.0, 1.0
class Film:
    def thick(self, x): return GAIN * x
def film(x): return Film().thick(x) + helper(x)
def helper(x): return 0.0
def idle(x): return IDLE
"""
USES = {
    "attribute": "import simul\ndef objective(key, x): return simul.film(x[0])",
    "inner": "def objective(key, x):\n    import simul as s\n    return s.film(x[0])",
    "inner from": "def objective(key, x):\n    from simul import film\n    return film(x[0])",
    "getattr": "import simul\ndef objective(key, x): return getattr(simul, 'film')(x[0])",
}
EDITS = (("GAIN * x", "GAIN + x"), ("return 0.0", "return 1.0"), ("GAIN, IDLE = 2.0", "GAIN, IDLE = 3.0"))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the function that writes modules simul and uses, and returns the objective of the second, new."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(simul, uses):
        for name, text in (("simul", simul), ("uses", uses)):
            (tmp_path / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        for cache in tmp_path.glob("__pycache__/*"):
            cache.unlink()
        return importlib.import_module("uses").objective

    yield written
    for name in ("simul", "uses"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("uses", USES.values(), ids=USES)
def test_the_source_of_a_users_module_counts_where_it_is_reached(module, uses):
    before = mark(module(MODULE, uses))
    assert before == mark(module(MODULE.replace("IDLE = 2.0, 1.0", "IDLE = 2.0, 7.0"), uses))
    for old, new in EDITS:
        assert old in MODULE and before != mark(module(MODULE.replace(old, new), uses)), new


def test_a_folder_of_an_edited_module_is_refused(module, tmp_path):
    def campaign(text):
        plan = bo.CampaignConfig(3, 2, 2, 1, learn_failures=False)
        pool = jnp.linspace(0, 1, 8)[:, None]
        function = module(text, USES["attribute"])
        return bo.campaign(function, pool, small_campaign.surrogate(), bo.variance(), plan)

    first = bo.run_resumable(KEY, campaign(MODULE), tmp_path / "run")
    again = bo.run_resumable(KEY, campaign(MODULE), tmp_path / "run")
    np.testing.assert_array_equal(first[1].value, again[1].value)
    lab = bo.session(campaign(MODULE))
    lab.save(lab.start(KEY), tmp_path / "lab")
    bo.session(campaign(MODULE)).load(tmp_path / "lab")
    edited = campaign(MODULE.replace("return 0.0", "return 1.0"))
    with pytest.raises(ValueError, match=f"campaign with other {REACHED}:"):
        bo.run_resumable(KEY, edited, tmp_path / "run")
    with pytest.raises(ValueError, match=f"session with other {REACHED}:"):
        bo.session(edited).load(tmp_path / "lab")


def test_the_command_run_has_the_same_mark(module, tmp_path):
    module(MODULE, USES["attribute"])
    options = Run(study=tmp_path, objective="uses:objective")
    (tmp_path / settings.FILE).write_text("")
    (tmp_path / study.CANDIDATES).write_bytes(b"")
    before = resuming.mark_of(options, None)
    assert before == resuming.mark_of(options, None)
    module(MODULE.replace("return 0.0", "return 1.0"), USES["attribute"])
    assert before != resuming.mark_of(options, None)


def test_an_instrument_is_continued_from_one_day_to_the_next():
    class Instrument:
        def __init__(self, day):
            self.day, self.log, self.lock = day, collections.deque([day]), Lock()

        def measure(self, key, x):
            return self.scale(x[0])

        def scale(self, x):
            return x

    one, two = (identity.reached(Instrument(day).measure, instruments=True) for day in (1, 2))
    assert one == two and one[REACHED]
    assert mark(Instrument(1).measure) != mark(Instrument(2).measure)


def test_marks_are_the_same_in_every_process(tmp_path):
    (tmp_path / "simul.py").write_text(MODULE)
    code = (
        "import collections, pandas, xarray, numpy as np, simul\nfrom ferro_jax import identity\n"
        "frame, kinds = pandas.DataFrame({'a': [1.0], 'b': ['x']}), {simul.film, simul.helper}\n"
        "deque, grid = collections.deque([frame]), xarray.DataArray([1.0], coords={'x': [2.0]}, dims='x')\n"
        "print(identity.reached(lambda x: simul.film(x) + deque[0] + grid + len(kinds)))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    run = [sys.executable, "-W", "ignore", "-c", code]
    said = [
        subprocess.run(run, capture_output=True, text=True, env={**environment, "PYTHONHASHSEED": seed}, timeout=300)
        for seed in ("5", "7")
    ]
    assert REACHED in said[0].stdout and said[0].stdout == said[1].stdout, said[0].stderr
