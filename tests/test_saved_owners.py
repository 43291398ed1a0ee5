"""A checkpoint of another campaign, fit or run is refused; those of earlier versions, which say nothing, are read."""

import shutil

import jax
import numpy as np
import pytest

import bo
import models
from experiments.lab import checkpoints, resuming, saved
from experiments.process import campaign_page
from experiments.process import resuming as unfinished
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from ferro_jax import files, trees
from helpers import small_campaign
from models.training import pieces

KEY = jax.random.key(0)
WORDS = "was written by another run, campaign or fit"
LINE = models.vae(models.VAEConfig(shape=(4,), hidden=(4,)))
FIT = models.FitConfig(epochs=4, batch_size=4, validation_fraction=0.25)


def without_owner(file):
    arrays = files.arrays_of(file)
    files.write_arrays(file, arrays)


def only(folder):
    (file,) = folder.glob("**/step-*.npz")
    return file


def test_a_save_of_another_campaign_is_refused(tmp_path):
    problem = small_campaign.build()
    for seed in (3, 9):
        bo.run_resumable(jax.random.key(seed), problem, tmp_path / str(seed))
    own, other = (only(tmp_path / name) for name in ("3", "9"))
    right = own.read_bytes()
    shutil.copy(other, own)
    with pytest.raises(ValueError, match=WORDS):
        bo.run_resumable(jax.random.key(3), problem, tmp_path / "3")
    without_owner(own)  # as earlier versions have written it
    bo.run_resumable(jax.random.key(3), problem, tmp_path / "3")
    own.write_bytes(right)
    bo.run_resumable(jax.random.key(3), problem, tmp_path / "3")


def test_a_state_of_another_fit_or_of_another_epoch_is_refused(tmp_path):
    data = jax.random.normal(KEY, (8, 4))
    for name, x in (("one", data), ("two", data + 1)):
        models.fit_resumable(KEY, LINE, x, FIT, tmp_path / name, every=4)
    own, other = (only(tmp_path / name) for name in ("one", "two"))
    right = own.read_bytes()
    shutil.copy(other, own)
    with pytest.raises(ValueError, match=WORDS):
        models.fit_resumable(KEY, LINE, data, FIT, tmp_path / "one", every=4)
    own.write_bytes(right)
    moved = own.rename(own.with_name("step-000000002.npz"))
    with pytest.raises(ValueError, match="another place of this one"):
        models.fit_resumable(KEY, LINE, data, FIT, tmp_path / "one", every=4)
    without_owner(moved)
    models.fit_resumable(KEY, LINE, data, FIT, tmp_path / "one", every=4)


@checkpoints.once
def drawn(seed):
    return {"line": np.full(3, float(seed)), "state": checkpoints.folder(), "record": checkpoints.record()}


def test_what_a_function_of_another_run_returned_is_refused(tmp_path):
    results = {}
    for seed in (0, 1):
        run = tmp_path / str(seed)
        run.mkdir()
        resuming.begin(run, {"options": {"seed": seed}, "versions": {"jax": "1"}})
        record = run / resuming.FOLDER / resuming.BEGUN
        with checkpoints.within(run / resuming.FOLDER / "stage", record):
            results[seed] = drawn(seed)
            drawn(seed + 10)
        assert results[seed]["record"] == record
    stages = [tmp_path / str(seed) / resuming.FOLDER / "stage" for seed in (0, 1)]
    own = stages[0] / "01-drawn.npz"
    right = own.read_bytes()

    def again():
        with checkpoints.within(stages[0], stages[0].parent / resuming.BEGUN):
            return drawn(0)

    for wrong in (stages[1] / own.name, stages[0] / "02-drawn.npz"):
        shutil.copy(wrong, own)
        with pytest.raises(ValueError, match=WORDS):
            again()
        assert saved.read(own)["line"][0] in (1, 10)
    own.write_bytes(right)
    files.write_json(stages[0].parent / resuming.BEGUN, {"options": {"seed": 0}, "versions": {"jax": "2"}})
    np.testing.assert_array_equal(again()["line"], results[0]["line"])  # other versions are compared elsewhere


def test_a_state_of_the_fits_of_another_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "SAVED_AFTER", 0.0)
    x, records = jax.random.normal(KEY, (8, 4)), [tmp_path / name / "begun.json" for name in "ab"]
    for seed, record in enumerate(records):
        record.parent.mkdir()
        files.write_json(record, {"options": {"seed": seed}})
        keys = jax.random.split(jax.random.key(seed), 1)
        pieces.fit_pieces(keys, LINE, x, x, FIT, folder=record.parent / "state", record=record)
    shutil.copy(only(records[1].parent), only(records[0].parent))
    with pytest.raises(ValueError, match=WORDS):
        pieces.fit_pieces(keys, LINE, x, x, FIT, folder=records[0].parent / "state", record=records[0])


def test_campaigns_of_another_function_are_refused(tmp_path):
    options, found = Run(study=tmp_path, objective="a:b"), [Found(*np.full((5, 1, 2), float(n))) for n in range(2)]
    folder = tmp_path / campaign_page.FOLDER / unfinished.FOLDER
    for number in range(2):
        unfinished.once(options, f"mark {number}", "a", lambda number=number: found[number])
        if not number:
            (first,) = folder.glob("*.npz")
    (second,) = set(folder.glob("*.npz")) - {first}
    shutil.copy(second, first)
    with pytest.raises(ValueError, match=WORDS):
        unfinished.once(options, "mark 0", "a", lambda: pytest.fail("computed again"))


def test_a_tree_without_a_record_belongs_to_nobody(tmp_path):
    trees.save(tmp_path, 1, {"a": np.ones(2)}, tmp_path / "none.json")
    trees.restore(tmp_path, 1, {"a": np.ones(2)})
    files.write_json(tmp_path / "record.json", {"key": 1})
    trees.save(tmp_path, 2, {"a": np.ones(2)}, tmp_path / "record.json")
    trees.restore(tmp_path, 2, {"a": np.ones(2)})  # who does not ask
    trees.restore(tmp_path, 2, {"a": np.ones(2)}, record=tmp_path / "record.json")
