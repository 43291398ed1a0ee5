"""Hostile files: contents that would run code in a careless reader, put in place of what was saved."""

import io
import json
import os
import pickle
import shutil
import zipfile

import numpy as np


class Malicious:
    """Leaves a folder when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def attacks(mark):
    """Return contents of files that would run code in a careless reader, or make one fail without naming them."""
    payload = np.array([Malicious(mark)], object)
    held = io.BytesIO()
    np.save(held, payload, allow_pickle=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("x", "centre", "z", "model", "row", "history.finite"):
            file.writestr(f"{name}.npy", held.getvalue())
    evil = {"py/object": "os.system", "class": "os.system", "fields": {"command": f"mkdir {mark}"}, "format": 1}
    return {
        "pickle": pickle.dumps(Malicious(mark)),
        "npy": held.getvalue(),
        "npz": archive.getvalue(),
        "json": json.dumps(evil).encode(),
        "nested": b"[" * 100_000,
        "list": b"[1, 2]",
        "empty": b"",
    }


def assert_named(folder, read, tmp_path, files=None, fine=()):
    """Put every attack in place of each file of a folder: ValueError that names file or folder, and nothing runs."""
    mark = tmp_path / "ran"
    read(folder)
    names = files or sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(names) > 0
    for name in names:
        for kind, content in attacks(mark).items():
            copy = tmp_path / "copy"
            shutil.copytree(folder, copy)
            (copy / name).write_bytes(content)
            try:
                read(copy)
            except ValueError as error:
                assert str(copy) in str(error), (name, kind, error)
            else:  # what a reader may take for whole, such as an empty log
                assert kind in fine, (name, kind)
            assert not mark.exists(), (name, kind)
            shutil.rmtree(copy)
