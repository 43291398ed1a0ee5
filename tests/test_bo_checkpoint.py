"""A campaign killed at any moment continues bit for bit."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.campaigns import resumable
from bo.campaigns.records import axes_of
from helpers import small_campaign
from helpers.small_campaign import CONFIG

ROOT = Path(__file__).parent.parent
PROBLEM = small_campaign.build()
PROGRAM = textwrap.dedent("""
    import pickle, sys
    import jax
    jax.config.update("jax_enable_x64", True)
    import numpy as np
    from helpers import small_campaign
    import bo

    folder, out = sys.argv[1:]
    keys = jax.random.split(jax.random.key(5), 3)
    report = lambda done: print("saved", done, flush=True)
    problem = small_campaign.build(small_campaign.GROWING)
    end = bo.run_resumable(keys, problem, folder, every=3, observe=lambda p, s: p.mean.sum(), progress=report)
    with open(out, "wb") as file:
        pickle.dump([np.asarray(leaf) for leaf in jax.tree.leaves(end)], file)
""")


def begin(folder, out):
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "JAX_COMPILATION_CACHE_DIR": str(folder.parent / "cache"),  # three processes, compiled once
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    with out.with_suffix(".log").open("w") as log:  # a file: a full pipe that nobody reads would stop the process
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(out)],
            stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
        )  # fmt: skip
    limit = threading.Timer(300, process.kill)  # reading a line has no time limit of its own
    limit.daemon = True
    limit.start()
    return process


def finish(process, out):
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out.with_suffix(".log").read_text()
    return text.count("saved")


@pytest.mark.slow
def test_killed_at_a_random_moment_and_resumed_it_is_bit_for_bit_the_uninterrupted_run(tmp_path):
    whole, killed = tmp_path / "whole.pickle", tmp_path / "killed.pickle"
    assert finish(begin(tmp_path / "whole", whole), whole) == 4
    process = begin(tmp_path / "killed", killed)
    saves = random.randrange(1, 4)
    for _ in range(saves):
        assert process.stdout.readline().startswith("saved")
    time.sleep(random.uniform(0, 0.1))  # between two saves, or in the middle of one
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and not killed.exists()
    assert finish(begin(tmp_path / "killed", killed), killed) <= 4 - saves
    assert killed.read_bytes() == whole.read_bytes()


class Finished(NamedTuple):
    """A finished vmapped run: where it is saved, its keys, what its progress was, last state and record."""

    folder: Path
    keys: jax.Array
    progress: list[int]
    state: bo.State
    info: bo.Info


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder, keys = tmp_path_factory.mktemp("finished"), jax.random.split(jax.random.key(3), 4)
    progress: list[int] = []
    return Finished(folder, keys, progress, *bo.run_resumable(keys, PROBLEM, folder, progress=progress.append))


def test_in_pieces_it_visits_what_run_visits(finished):
    state, info = finished.state, finished.info
    assert finished.progress == [9, 13, 17]  # evaluations, the initial ones included, at every save
    expected_state, expected = jax.jit(jax.vmap(lambda key: bo.run(key, PROBLEM)))(finished.keys)
    np.testing.assert_array_equal(info.index, expected.index)
    np.testing.assert_array_equal(info.refitted, expected.refitted)
    np.testing.assert_allclose(info.z_score, expected.z_score, rtol=1e-6)
    assert state.count.shape == () and state.posterior.row.value.shape == ()  # one number for all seeds
    np.testing.assert_allclose(state.posterior.mean, expected_state.posterior.mean, atol=1e-9)


def test_a_finished_run_is_read_and_not_computed(finished, monkeypatch):
    monkeypatch.setattr(resumable.lax, "scan", lambda *_, **__: pytest.fail("computed again"))
    again = bo.run_resumable(finished.keys, PROBLEM, finished.folder)
    jax.tree.map(np.testing.assert_array_equal, again, (finished.state, finished.info))


def test_a_folder_of_another_campaign_is_refused_with_what_differs(finished):
    folder, keys = finished.folder, finished.keys
    with pytest.raises(ValueError, match="other key:"):
        bo.run_resumable(keys[::-1], PROBLEM, folder)
    with pytest.raises(ValueError, match="other config"):
        bo.run_resumable(keys, small_campaign.build(replace(CONFIG, steps=16, buckets=2)), folder)
    with pytest.raises(ValueError, match="every is 0"):
        bo.run_resumable(keys, PROBLEM, folder, every=0)


def test_pieces_cover_the_run_and_end_at_refits_saves_and_capacities():
    for every in (1, 3, 4, 100):
        parts = list(resumable.pieces(small_campaign.build(bo.CampaignConfig(5, 14, 4, 2)), every))
        assert sum(part.length for part in parts) == 14
        ends = np.cumsum([part.length for part in parts])
        assert [part.start for part in parts[1:]] == ends[:-1].tolist()
        assert ends[[part.refit for part in parts]].tolist() == [4, 8, 12]
        assert all(5 + end <= part.capacity for end, part in zip(ends, parts, strict=True))
    assert CONFIG.steps == 12


def test_a_surrogate_says_which_leaves_all_seeds_share(finished):
    state = finished.state._replace(posterior={"place": bo.Shared(jnp.zeros(())), "row": jnp.zeros(4)})
    axes = axes_of(state)
    assert axes.posterior == {"place": None, "row": 0} and axes.count is None and axes.data.x == 0
