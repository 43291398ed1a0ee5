"""A saved state knows its problem, comes back bit for bit, and nothing that is read can run code."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
import models
from bo.campaigns.problem import described
from experiments.datasets import digits, own
from experiments.datasets.files.reading import read
from experiments.datasets.plasmonics import own as scans
from ferro_jax import identity
from helpers import small_campaign

ROOT = Path(__file__).parent.parent
FACTOR, KEY = 3.0, jax.random.key(0)


def objective(key, x):
    return FACTOR * x[0]


def pool(highest=1.0, function=objective, rule=None, steps=4, learn_failures=False):
    candidates = jnp.linspace(0, highest, 8)[:, None] * jnp.ones((1, 2))
    plan = bo.CampaignConfig(3, steps, 2, 1, learn_failures=learn_failures)
    return bo.campaign(function, candidates, small_campaign.surrogate(), rule or bo.variance(), plan)


def box(bounds, rule=None):
    return bo.box(objective, bounds, bo.gaussian_process(), rule or bo.variance(), bo.BoxConfig(3, 2, leaders=2))


def test_digests_are_the_same_in_every_process_and_tell_problems_apart():
    code = (
        "import jax; jax.config.update('jax_enable_x64', True)\n"
        "import bo, models\nfrom ferro_jax import identity\nfrom helpers import small_campaign\n"
        "from bo.campaigns.problem import described\n"
        "print(described(small_campaign.build()), identity.digest(models.vae(models.VAEConfig(shape=(3, 4)))))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONHASHSEED": "5"}
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    again = subprocess.run(run, capture_output=True, text=True, env={**environment, "PYTHONHASHSEED": "7"}, timeout=300)
    assert done.stdout == again.stdout
    kernels = [bo.gaussian_process(bo.GPConfig(kernel=name)) for name in ("rbf", "matern52")]
    rules = [bo.upper_confidence_bound(1.0), bo.upper_confidence_bound(2.0), bo.log_expected_improvement()]
    arrays = [np.arange(3), np.arange(3.0), jnp.arange(3.0) + 1, KEY, jax.random.key(1)]
    assert len({identity.digest(each) for each in [*kernels, *rules, *arrays]}) == 10
    assert identity.digest(bo.gaussian_process()) == identity.digest(bo.gaussian_process())


def test_the_code_and_the_numbers_of_an_objective_count(monkeypatch):
    def scaled(by):
        return lambda key, x: by * x[0]

    assert identity.digest(scaled(2.0)) == identity.digest(scaled(2.0)) != identity.digest(scaled(3.0))
    before = identity.digest(objective)
    monkeypatch.setitem(globals(), "FACTOR", 4.0)
    assert identity.digest(objective) != before
    assert identity.digest(lambda key, x: x[0]) != identity.digest(lambda key, x: -x[0])


def advance(lab, state, number):
    for _ in range(number):
        x = lab.ask(state)
        state, _ = lab.tell(state, x, float(np.sin(5 * x).sum()))
    return state


@pytest.mark.parametrize("told", [0, 2, 5])
def test_a_session_comes_back_bit_for_bit(tmp_path, told):
    lab = bo.session(pool(learn_failures=True))
    state = advance(lab, lab.start(jax.random.key(4)), told)
    for _ in range(2):  # the second save replaces the first
        lab.save(state, tmp_path / "lab")
    assert len(list((tmp_path / "lab").iterdir())) == 2
    again = bo.session(pool(learn_failures=True)).load(tmp_path / "lab")
    assert jax.tree.structure(again) == jax.tree.structure(state)
    pairs = zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True)
    for one, other in pairs:
        assert one.dtype == other.dtype
        raw = [jax.random.key_data(each) if each.dtype == KEY.dtype else each for each in (one, other)]
        np.testing.assert_array_equal(*raw)
    assert json.loads((tmp_path / "lab" / "session.json").read_text())["told"] == told
    np.testing.assert_array_equal(lab.ask(again), lab.ask(state))


def test_a_session_of_another_problem_is_refused_with_what_differs(tmp_path):
    lab = bo.session(pool())
    lab.save(advance(lab, lab.start(KEY), 1), tmp_path)
    for other, words in (
        (pool(10.0), "candidates or bounds"),
        (pool(rule=bo.upper_confidence_bound(1.0)), "acquisition"),
        (pool(function=lambda key, x: -x[0]), "objective"),
        (pool(steps=5), "config"),
    ):
        with pytest.raises(ValueError, match=f"session with other {words}:"):
            bo.session(other).load(tmp_path)
    with pytest.raises(ValueError, match=r"it was saved with steps=\d+$"):
        bo.session(pool(steps=5)).load(tmp_path)
    lab = bo.session(box([[0.0, 1.0]]))
    lab.save(lab.start(KEY), tmp_path / "box")
    with pytest.raises(ValueError, match="other candidates or bounds:"):
        bo.session(box([[0.0, 10.0]])).load(tmp_path / "box")


def test_other_versions_are_a_warning(tmp_path):
    lab = bo.session(pool())
    lab.save(lab.start(KEY), tmp_path)
    file = tmp_path / "session.json"
    record = json.loads(file.read_text())
    record["problem"]["versions"]["jax"] = "0.1"
    file.write_text(json.dumps(record))
    with pytest.warns(UserWarning, match="jax 0.1"):
        lab.load(tmp_path)


def test_two_processes_that_save_into_one_folder_leave_a_whole_session(tmp_path):
    lab = bo.session(pool())
    states = [lab.start(jax.random.key(number)) for number in range(2)]

    def save(state):
        for _ in range(4):
            lab.save(state, tmp_path)
            lab.load(tmp_path)

    with ThreadPoolExecutor() as threads:  # each holds the folder by a handle of its own, as a process does
        list(threads.map(save, states))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz"]


def test_broken_sessions_are_refused_in_words(tmp_path):
    lab = bo.session(pool())
    with pytest.raises(ValueError, match="holds no session"):
        lab.load(tmp_path)
    lab.save(lab.start(KEY), tmp_path)
    array = next(tmp_path.glob("state-*.npz"))
    array.write_bytes(array.read_bytes()[:100])
    with pytest.raises(ValueError, match="was changed"):
        lab.load(tmp_path)
    (tmp_path / "session.json").write_text('{"format": 1')
    with pytest.raises(ValueError, match="session.json cannot be read"):
        lab.load(tmp_path)


def test_a_resumable_run_of_another_problem_is_refused(tmp_path):
    first = bo.run_resumable(jax.random.PRNGKey(0), pool(), tmp_path / "run")
    again = bo.run_resumable(jax.random.PRNGKey(0), pool(), tmp_path / "run")
    np.testing.assert_array_equal(first[1].index, again[1].index)
    for other, words in (
        (pool(rule=bo.upper_confidence_bound(1.0)), "acquisition"),
        (pool(function=lambda key, x: -x[0]), "objective"),
    ):
        with pytest.raises(ValueError, match=f"campaign with other {words}:"):
            bo.run_resumable(jax.random.PRNGKey(0), other, tmp_path / "run")
    assert set(described(pool())) > {"candidates or bounds", "surrogate", "acquisition", "objective", "versions"}
    assert "refit_growth" not in described(pool())["config"]  # as in states saved before the option existed


class Malicious:
    """Leaves a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


class Simulator:
    """An objective as an object: what it computes depends on its attributes."""

    def __init__(self, factor, table=None):
        self.factor, self.table, self.lock = factor, table, Lock()

    def __call__(self, key, x):
        return self.factor * x[0]

    def measured(self, key, x):
        return self.factor * x[0]


@pytest.mark.parametrize("of", [lambda one: one, lambda one: one.measured, lambda one: lambda key, x: one(key, x)])
def test_an_objective_that_is_an_object_counts_by_what_it_holds(tmp_path, of):
    first = bo.run_resumable(KEY, pool(function=of(Simulator(2.0))), tmp_path / "run")
    again = bo.run_resumable(KEY, pool(function=of(Simulator(2.0))), tmp_path / "run")
    np.testing.assert_array_equal(first[1].value, again[1].value)
    for other in (Simulator(3.0), Simulator(2.0, np.arange(3))):
        with pytest.raises(ValueError, match="other values that its objects hold"):
            bo.run_resumable(KEY, pool(function=of(other)), tmp_path / "run")


def test_the_code_of_an_object_that_is_called_counts():
    class Other(Simulator):
        def __call__(self, key, x):
            return self.factor * x[1]

    Other.__qualname__ = Simulator.__qualname__
    assert identity.digest(Simulator(2.0)) != identity.digest(Other(2.0))
    assert identity.digest(Simulator(2.0)) == identity.digest(Simulator(3.0))  # an instrument, from one day to the next
    assert identity.attributes((objective, jax.jit(objective), pool().parts)) == ""
    one, two = (types.SimpleNamespace(factor=factor, inner=Simulator(factor)) for factor in (1.0, 2.0))
    assert len({identity.attributes(lambda: one.factor), identity.attributes(lambda: two.factor), ""}) == 3


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "dict.npy"])
def test_no_reader_runs_the_code_in_a_file(tmp_path, name):
    mark, file = tmp_path / "ran", tmp_path / name
    bad = np.array([Malicious(mark)], dtype=object)
    if name == "a.npz":
        np.savez(file, images=bad, x_train=bad, values=bad)
    elif name == "a.npy":
        np.save(file, bad, allow_pickle=True)
    else:
        np.save(file, np.array({"image": np.ones((2, 2)), "x": Malicious(mark)}, dtype=object), allow_pickle=True)
    attacked = np.load(file, allow_pickle=True)  # the attack is real
    assert (attacked["images"] if name == "a.npz" else attacked) is not None and mark.is_dir()
    mark.rmdir()
    readers = {
        "datasets.read": lambda: read(file),
        "own.read": lambda: own.read(own.Own(path=str(file))),
        "scan": lambda: scans.read(scans.OwnScan(path=str(file))),
        "digits": lambda: digits.read(KEY, digits.Digits(set=str(file))),
        "histories": lambda: models.histories.read(file),
    }
    for reader, function in readers.items():
        with pytest.raises(ValueError, match=str(file.name)):
            function()
        assert not mark.exists(), reader


def test_no_folder_runs_the_code_in_it(tmp_path):
    mark, lab = tmp_path / "ran", bo.session(pool())
    lab.save(lab.start(KEY), tmp_path / "lab")
    array = next((tmp_path / "lab").glob("state-*.npz"))
    np.savez(array, **{"0000": np.array([Malicious(mark)], dtype=object)})
    record = tmp_path / "lab" / "session.json"
    content = json.loads(record.read_text())
    content["arrays"]["sha256"] = hashlib.sha256(array.read_bytes()).hexdigest()
    record.write_text(json.dumps(content))
    with pytest.raises(ValueError):
        lab.load(tmp_path / "lab")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(ValueError):
        models.load(tmp_path / "model")
    assert not mark.exists()
