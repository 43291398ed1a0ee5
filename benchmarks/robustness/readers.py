"""Every reader of files, with whole files that it reads: what the fuzz starts from."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import xarray
from PIL import Image
from scipy.io import netcdf_file

import bo
import models
from benchmarks.robustness.studies import make_study
from bo.campaigns import resumable
from experiments.datasets import own
from experiments.datasets.files.reading import read as read_data
from experiments.datasets.plasmonics import own as scans
from experiments.lab import finished, resuming, saved
from experiments.lab import run as runs
from experiments.lab.options import Settings
from experiments.process import log, settings, study
from ferro_jax import trees
from models import histories

RANDOM = np.random.default_rng(0)
FRAME = RANDOM.uniform(0, 1, (12, 10))
STACK = RANDOM.uniform(0, 1, (5, 8, 8))
CURVES = np.cumsum(RANDOM.uniform(0, 1, (12, 16)), 1)
CSV = "time (s),a (V),b (V)\n" + "".join(f"{t},{t * 0.5:.3f},{t * t:.3f}\n" for t in range(12))
LOG = (
    "id,cell,z1,z2,status,asked,told,outcomes,noise,context,note\n"
    "1,3,0.1,0.2,asked,2026-01-01T10:00:00,,,,,\n"
    "1,3,0.1,0.2,ok,2026-01-01T10:00:00,2026-01-01T11:00:00,cap=3.4 temp=48,cap=0.02,,a note\n"
    "2,4,0.3,0.2,failed,2026-01-01T10:00:00,01.02.2026 12:00,,,,\n"
)


class Reader(NamedTuple):
    """A reader: ``make(folder)`` writes a whole file or folder and returns its path, ``read(path)`` reads it.

    ``text`` says that a shorter file may be whole as well; ``only`` names the one file of a folder that is read.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    text: bool = False
    only: str = "*"


def _npy(folder: Path) -> Path:
    np.save(folder / "quartz.npy", FRAME)
    return folder / "quartz.npy"


def _npz(folder: Path) -> Path:
    np.savez_compressed(folder / "quartz.npz", stack=STACK, label=np.array(list("abcab")), angle=np.arange(5.0))
    return folder / "quartz.npz"


def _h5(folder: Path) -> Path:
    with h5py.File(folder / "quartz.h5", "w") as file:
        file.create_dataset("raw/frame", data=STACK, chunks=(1, 8, 8), compression="gzip")
        file["raw/soft"] = h5py.SoftLink("/raw/frame")
        packed = file.create_dataset("packed", data=(FRAME * 100).astype("i2"))
        packed.attrs.update({"scale_factor": 0.01, "add_offset": 1.0, "_FillValue": np.int16(-1), "units": "V"})
    return folder / "quartz.h5"


def _nsid(folder: Path) -> Path:
    with h5py.File(folder / "quartz.nsid", "w") as file:
        data = file.create_dataset("Measurement_000/Channel_000/image", data=FRAME)
        data.attrs.update({"quantity": "height", "units": "nm", "DIMENSION_LABELS": ["y", "x"]})
        for number, (name, size) in enumerate(zip("yx", FRAME.shape, strict=True)):
            axis = file.create_dataset(f"Measurement_000/Channel_000/{name}", data=np.arange(size) * 0.5)
            axis.make_scale(name)
            axis.attrs["units"] = "nm"
            data.dims[number].attach_scale(axis)
    return folder / "quartz.nsid"


def _nc(folder: Path) -> Path:
    axes = {"y": np.arange(12.0), "x": np.arange(10.0)}
    data = xarray.Dataset({"frame": (("y", "x"), FRAME, {"units": "V"})}, axes)
    data.to_netcdf(folder / "quartz.nc", engine="h5netcdf", encoding={"frame": {"dtype": "i2", "scale_factor": 1e-4}})
    return folder / "quartz.nc"


def _classic(folder: Path) -> Path:
    with netcdf_file(str(folder / "basalt.nc"), "w") as file:
        file.createDimension("y", 12)
        file.createDimension("x", 10)
        file.createVariable("x", "d", ("x",))[:] = np.arange(10)
        file.createVariable("frame", "d", ("y", "x"))[:] = FRAME
    return folder / "basalt.nc"


def _tif(folder: Path) -> Path:
    first, *rest = (Image.fromarray((page * 200).astype(np.uint8)) for page in STACK)
    first.save(folder / "quartz.tif", save_all=True, append_images=rest, description="ImageJ=1.5\nimages=5\nunit=nm")
    return folder / "quartz.tif"


def _png(folder: Path) -> Path:
    Image.fromarray((FRAME * 255).astype(np.uint8)).save(folder / "quartz.png")
    return folder / "quartz.png"


def _csv(folder: Path) -> Path:
    (folder / "quartz.csv").write_text(CSV)
    return folder / "quartz.csv"


def _rows(folder: Path) -> Path:
    np.savetxt(folder / "rows.csv", CURVES, "%.4f", ",")
    return folder / "rows.csv"


def _scan(folder: Path, suffix: str) -> Path:
    cube = RANDOM.poisson(20, (6, 7, 16)) * 1.0
    parts: dict[str, Any] = {"image": FRAME[:6, :7], "spectrum image": cube, "energy axis": np.linspace(1, 2, 16)}
    if suffix == "npz":
        np.savez(folder / "scan.npz", **parts, scale=2.0)
    elif suffix == "npy":
        np.save(folder / "scan.npy", np.array(parts | {"scale": 2.0}), allow_pickle=True)
    else:
        with h5py.File(folder / "scan.h5", "w") as file:
            for name, values in parts.items():
                file[f"scan/{name}"] = values
            file["scan/scale"] = "2 nm"
    return folder / f"scan.{suffix}"


def _histories(folder: Path) -> Path:
    with h5py.File(folder / "histories.h5", "w") as file:
        file["values"], file["duration"] = CURVES, np.arange(1.0, 13)
        file["values"].attrs["names"] = ["current"]
    return folder / "histories.h5"


def _study(folder: Path) -> Path:
    make_study(folder / "study")
    (folder / "study" / log.FILE).write_text(LOG)
    (folder / "study" / settings.FILE).write_text(settings.TEXT)
    return folder / "study"


def _fitted(folder: Path) -> Path:
    fitted = models.fit_vae(STACK.repeat(6, 0), starts=1, steps=2, progress=False, hidden=(4,), axis=None)
    return Path(fitted.save(folder / "fitted"))


def _learned(folder: Path) -> Path:
    config, fit = models.VAEConfig(hidden=(4,), likelihood="gaussian_learned"), models.FitConfig(1, 4)
    learned = histories.learn(
        CURVES.repeat(2, 0), key=jax.random.key(0), bounds=(0, 20), config=config, fit_config=fit, smooth=0.0
    )
    return histories.save(learned, folder / "learned")


@cache
def _lab() -> Any:
    pool = jnp.linspace(0, 1, 8)[:, None] * jnp.ones((1, 2))
    plan = bo.CampaignConfig(3, 4, 2, 1)
    return bo.session(bo.campaign(lambda key, x: x[0], pool, bo.gaussian_process(), bo.variance(), plan))


def _session(folder: Path) -> Path:
    lab = _lab()
    state = lab.start(jax.random.key(4))
    for _ in range(2):
        x = lab.ask(state)
        state, _ = lab.tell(state, x, float(x.sum()))
    return Path(lab.save(state, folder / "lab"))


TREE = {"a": np.arange(6.0), "b": [1, "x", None, (2.5, Path("p"))], "key": np.array(["a", None], object)}


def _saved(folder: Path) -> Path:
    saved.write(folder / "kept.npz", TREE)
    return folder / "kept.npz"


def _begun(folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "config.json").write_text("{}")
    resuming.begin(folder / "run", resuming.begun_with("toy", Settings(), 1))
    return folder / "run"


def _run(folder: Path) -> Path:
    run = runs.Run(folder / "toy" / "run", Settings(), ("first",))
    run.add("line", np.arange(5.0), runs.Array(("x",), "m", "a line"))
    run.record(complete=1, best=2.5)
    run.save(packed=True)
    return run.folder


STATE = {"x": np.arange(6.0), "n": np.arange(3, dtype=np.int32)}


def _campaign(folder: Path) -> Path:
    trees.save(folder / "campaign", 3, STATE)
    resumable.check_signature(folder / "campaign", {"key": "1", "every": "3"})
    return folder / "campaign"


def _read_campaign(folder: Path) -> Any:
    resumable.check_signature(folder, {"key": "1", "every": "3"})
    step = trees.newest(folder)
    if step is None:
        raise ValueError(f"{folder} is new")  # what a campaign begins anew
    return trees.restore(folder, step, STATE)


def _read_run(folder: Path) -> Any:
    results, numbers, options = runs.read(folder)
    return {str(name): np.asarray(values) for name, values in results.variables.items()}, numbers, options


def _of_stack(path: Path) -> Any:
    return own.read(own.Own(str(path), "stack", "label", ("angle",)))


def _of_scan(path: Path) -> Any:
    return scans.read(scans.OwnScan(str(path)))


READERS: Mapping[str, Reader] = {
    "npy": Reader(_npy, read_data),
    "npz": Reader(_npz, partial(read_data, dataset="stack")),
    "hdf5": Reader(_h5, partial(read_data, dataset="raw/frame")),
    "hdf5 packed": Reader(_h5, partial(read_data, dataset="packed")),
    "nsid": Reader(_nsid, read_data),
    "netcdf 4": Reader(_nc, read_data),
    "netcdf": Reader(_classic, read_data),
    "tif": Reader(_tif, read_data),
    "png": Reader(_png, read_data),
    "csv": Reader(_csv, read_data, text=True),
    "own stack": Reader(_npz, _of_stack),
    "scan npz": Reader(partial(_scan, suffix="npz"), _of_scan),
    "scan npy": Reader(partial(_scan, suffix="npy"), _of_scan),
    "scan hdf5": Reader(partial(_scan, suffix="h5"), _of_scan),
    "histories csv": Reader(_rows, histories.read, text=True),
    "histories hdf5": Reader(_histories, partial(histories.read, dataset="values")),
    "study log": Reader(_study, partial(log.read, latents=2), text=True, only=log.FILE),
    "study settings": Reader(_study, settings.read, text=True, only=settings.FILE),
    "study candidates": Reader(_study, study.load, only=study.CANDIDATES),
    "fitted": Reader(_fitted, models.load_fitted),
    "learned": Reader(_learned, histories.load),
    "session": Reader(_session, lambda path: _lab().load(path)),
    "kept result": Reader(_saved, saved.read),
    "begun run": Reader(_begun, partial(resuming.options_of, Settings)),
    "run": Reader(_run, _read_run),
    "run listed": Reader(_run, finished.read),
    "campaign": Reader(_campaign, _read_campaign),
}
