"""The peers' side of the benchmarks: its test functions equal ours, and a child process returns its report."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import peers
from benchmarks.campaigns.functions import FUNCTIONS
from bo import problems

OURS = {
    "branin": problems.branin(),
    "hartmann6": problems.hartmann6(),
    "levy4": problems.levy(4),
    "ackley5": problems.ackley(5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_peer_maximises_the_same_function(name):
    ours, theirs = OURS[name], FUNCTIONS[name]
    x = np.random.default_rng(0).uniform(size=(64, theirs.dim))
    expected = jax.vmap(lambda point: ours.objective(None, point))(jnp.asarray(x))
    np.testing.assert_allclose(theirs.value(x), expected, rtol=1e-10, atol=1e-10)
    assert (theirs.dim, theirs.optimum) == (ours.dim, ours.optimum)


def test_peers_are_left_out_or_asked_for_by_name(tmp_path):
    assert peers.interpreter(None, ("json",)) == sys.executable
    assert peers.interpreter(None, ("json", "no_such_module")) is None
    with pytest.raises(ValueError, match="lacks no_such_module"):
        peers.interpreter(sys.executable, ("json", "no_such_module"))
    with pytest.raises(ValueError, match="no Python interpreter"):
        peers.interpreter(str(tmp_path / "python"), ("json",))


def test_a_child_reports_its_last_line_or_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "child.py").write_text(
        "import json, os, sys\nprint('on the way')\n"
        "print(json.dumps({'arguments': sys.argv[1:], 'threads': os.environ['OMP_NUM_THREADS']}))\n"
        "sys.exit(sys.argv[1] == 'bad')\n"
    )
    assert peers.call(sys.executable, "child", "good", 3) == {"arguments": ["good", "3"], "threads": "1"}
    with pytest.raises(RuntimeError, match="exit code 1"):
        peers.call(sys.executable, "child", "bad")
