"""Files of every format read as one record: values, axes, units, missing values; refused files say what to change."""

import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from PIL import Image
from scipy.io import netcdf_file

from experiments import datasets
from experiments.datasets import own
from experiments.datasets.files import vendors

PFM = Path(__file__).parents[2] / "shared" / "data" / "pfm"
X = np.random.default_rng(0).normal(5, 2, (6, 7, 9)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", ">f8", "u1", "u2", ">u2", "i4", "f2", "?"])
def test_numbers_of_every_type_and_byte_order_become_native_floats(dtype, tmp_path):
    values = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 200, (20, 30)).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    found = datasets.read(tmp_path / "a.npy")
    assert found.values.dtype in (np.dtype("f4"), np.dtype("f8")) and found.values.dtype.isnative
    np.testing.assert_array_equal(found.values, values.astype(float))
    assert found.mask is None and [len(axis.values) for axis in found.axes] == [20, 30]


def nsid(path):
    """Write a cube as sidpy does: dimension scales beside the data set, in a group of its own; and an image."""
    with h5py.File(path, "w") as file:
        cube = file.create_dataset("Measurement_000/Channel_000/loops/loops", data=X)
        cube.attrs.update({"quantity": "Piezoresponse", "units": np.bytes_(b"pm")})
        cube.attrs["DIMENSION_LABELS"] = np.array(["y", "x", "Voltage"], dtype=object)
        for number, (name, unit) in enumerate((("y", "nm"), ("x", "nm"), ("Voltage", b"V"))):
            scale = file.create_dataset(
                f"Measurement_000/Channel_000/loops/{name}", data=2.5 * np.arange(X.shape[number])
            )
            scale.attrs["units"] = np.bytes_(unit) if isinstance(unit, bytes) else unit
            scale.make_scale(name)
            cube.dims[number].attach_scale(scale)
        image = file.create_dataset("Measurement_000/Channel_001/height/height", data=X[0])
        image.attrs["quantity"] = "Height"


def test_axes_of_nsid_have_names_units_and_values(tmp_path):
    nsid(tmp_path / "a.h5")
    full = "Measurement_000/Channel_000/loops/loops"
    for name in (full, f"/{full}", "loops/loops", "loops", "Piezoresponse"):
        found = datasets.read(tmp_path / "a.h5", name)
        np.testing.assert_array_equal(found.values, X)
    assert [(axis.name, axis.unit) for axis in found.axes] == [("y", "nm"), ("x", "nm"), ("Voltage", "V")]
    np.testing.assert_array_equal(found.axes[2].values, 2.5 * np.arange(9))
    assert (found.quantity, found.unit, found.notes) == ("Piezoresponse", "pm", ())
    with pytest.raises(ValueError, match=r"loops/loops \(6, 7, 9\) \(Piezoresponse\), .*height.*set dataset"):
        datasets.read(tmp_path / "a.h5")


def test_real_files_of_pycroscopy_are_read_with_their_axes():
    if not (PFM / "BEPS_PTO_50x50.h5").is_file():
        pytest.skip("no measured files in ../shared/data/pfm, beside the repository")
    loops = datasets.read(PFM / "BEPS_PTO_50x50.h5")
    assert loops.values.shape == (50, 50, 64) and loops.quantity == "Piezoresponse"
    assert [(axis.name, axis.unit) for axis in loops.axes] == [("X", "m"), ("Y", "m"), ("Voltage", "V")]
    assert abs(loops.axes[2].values).max() == pytest.approx(8.5, abs=0.3)
    assert any("x before y" in note for note in loops.notes)
    with pytest.raises(ValueError, match=r"Channel_0 \(256, 256\) \(HeightRetrace\)"):
        datasets.read(PFM / "PTO_Funakubo0001.h5")
    height = datasets.read(PFM / "PTO_Funakubo0001.h5", "HeightRetrace")
    assert height.values.shape == (256, 256) and height.unit == "m"


def test_netcdf_is_unpacked_with_missing_values_and_coordinates(tmp_path):
    height = X.astype(np.float64)
    height[0, 0, 0] = np.nan
    packed = {"height": {"dtype": "int16", "scale_factor": 1e-3, "add_offset": 5.0, "_FillValue": -32768}}
    coordinates = {"x": ("x", 0.5 * np.arange(9.0), {"units": "nm"}), "n": [f"film {n}" for n in range(len(X))]}
    data = xarray.Dataset({"height": (("n", "y", "x"), height, {"units": "nm"})}, coordinates)
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding=packed)
    data.to_netcdf(tmp_path / "b.nc", engine="scipy", encoding=packed)
    for name in ("a.nc", "b.nc"):
        found = datasets.read(tmp_path / name)
        assert found.mask is not None and (~found.mask).sum() == 1 and np.isnan(found.values[0, 0, 0])
        np.testing.assert_allclose(found.values[1:], height[1:], atol=6e-4)
        assert [axis.name for axis in found.axes] == ["n", "y", "x"] and found.axes[2].unit == "nm" == found.unit
        np.testing.assert_allclose(found.axes[2].values, 0.5 * np.arange(9))
        np.testing.assert_array_equal(found.axes[0].values, np.arange(len(X)))
        assert any("the coordinate n holds text" in note for note in found.notes)
    images = own.read(own.Own(str(tmp_path / "a.nc"), normalise="none"))
    assert images.mask is not None and (~images.mask).sum() == 1
    with netcdf_file(tmp_path / "b.nc", mmap=False) as file:
        assert file.variables["height"].data.dtype.str == ">i2"


def test_tif_keeps_pages_depth_and_pixel_size(tmp_path):
    counts = np.random.default_rng(0).integers(0, 65536, (3, 12, 15)).astype(np.uint16)
    pages = [Image.fromarray(page) for page in counts]
    described = "ImageJ=1.53\nimages=3\nslices=3\nunit=nm\n"
    tags = {270: described, 282: 20.0, 283: 10.0}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:], tiffinfo=tags)
    found = datasets.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.values, counts)
    assert [(axis.name, axis.unit) for axis in found.axes] == [("page", ""), ("y", "nm"), ("x", "nm")]
    assert found.axes[2].values[1] == pytest.approx(0.05) and found.axes[1].values[1] == pytest.approx(0.1)
    Image.fromarray(X[0]).save(tmp_path / "b.tif")
    np.testing.assert_array_equal(datasets.read(tmp_path / "b.tif").values, X[0])
    colours = np.random.default_rng(0).integers(0, 256, (12, 15, 3)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "c.png")
    found = datasets.read(tmp_path / "c.png")
    assert found.values.shape == (12, 15, 3) and found.axes[2].name == "channel"
    (tmp_path / "d.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:400])
    with pytest.raises(ValueError, match="cut short"):
        datasets.read(tmp_path / "d.tif")


def test_microscopes_files_go_to_rosettasciio(tmp_path, monkeypatch):
    axes = [{"size": size, "scale": 0.5, "offset": 1.0, "units": "nm"} for size in (6, 7)]
    axes = [axes[0] | {"name": "y"}, axes[1] | {"name": "x"}]
    signals = [
        {"data": X, "axes": [*axes, {"size": 9, "axis": np.arange(9.0) ** 2, "units": "eV", "name": "Energy"}],
         "metadata": {"General": {"title": "EELS"}, "Signal": {"quantity": "counts"}}},
        {"data": X[..., 0], "axes": axes, "metadata": {"General": {"title": "HAADF"}}},
        {"data": X[..., 1], "axes": axes, "metadata": {"General": {"title": "HAADF"}}},
    ]  # fmt: skip
    (tmp_path / "a.dm4").write_bytes(b"nothing")
    monkeypatch.setattr(vendors, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'not installed: pip install "ferro-jax\[microscopes\]"'):
        datasets.read(tmp_path / "a.dm4")
    package, reader = types.ModuleType("rsciio"), types.ModuleType("rsciio.dm")
    package.IO_PLUGINS = [{"name": "DM", "api": "rsciio.dm", "file_extensions": ["dm3", "dm4"]}]
    reader.file_reader = lambda path: signals
    monkeypatch.setitem(sys.modules, "rsciio", package)
    monkeypatch.setitem(sys.modules, "rsciio.dm", reader)
    monkeypatch.setattr(vendors, "find_spec", lambda name: True)
    cube = datasets.read(tmp_path / "a.dm4", "EELS")
    assert [(axis.name, axis.unit) for axis in cube.axes] == [("y", "nm"), ("x", "nm"), ("Energy", "eV")]
    np.testing.assert_array_equal(cube.axes[2].values, np.arange(9.0) ** 2)
    np.testing.assert_allclose(cube.axes[1].values, 1 + 0.5 * np.arange(7))
    np.testing.assert_array_equal(datasets.read(tmp_path / "a.dm4", "HAADF 2").values, X[..., 1])
    with pytest.raises(ValueError, match=r"EELS \(6, 7, 9\).*HAADF \(6, 7\), HAADF 2 \(6, 7\): set dataset"):
        datasets.read(tmp_path / "a.dm4")
    reader.file_reader = lambda path: 1 / 0
    with pytest.raises(ValueError, match="DM: ZeroDivisionError"):
        datasets.read(tmp_path / "a.dm4")


CURVES = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]])
ENERGY = np.array([0.5, 1.5, 3.0])


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [
        ("Energy (eV),a,b\n0.5,1,3\n1.5,2,5\n3,4,6\n", "Energy", "eV"),
        ("Energy;a;b\neV;;\n0,5;1;3\n1,5;2;5\n3;4;6\n", "Energy", "eV"),
        ("0.5 1 3\n1.5 2 5\n3 4 6\n", "", ""),
        ("Energy [eV],0.5,1.5,3.0\nfirst,1,2,4\nsecond,3,5,6\n", "Energy", "eV"),
        (",0.5,1.5,3.0\n0,1,2,4\n1,3,5,6\n", "", ""),
        ("0.5\t1.5\t3.0\n1\t2\t4\n3\t5\t6\n", "", ""),
    ],
)
def test_curves_of_text_files_have_their_axis(text, name, unit, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    x = "row" if "\t" in text else "column" if " 1 3" in text else "auto"
    found = datasets.read(tmp_path / "a.csv", x=x)
    np.testing.assert_array_equal(found.values, CURVES)
    np.testing.assert_array_equal(found.axes[1].values, ENERGY)
    assert (found.axes[1].name, found.axes[1].unit) == (name, unit)


def test_a_row_for_each_point_of_a_curve_and_numbers_in_names_give_the_first_axis(tmp_path):
    file, sweep = tmp_path / "loops.csv", np.r_[np.linspace(-1, 1, 5), np.linspace(0.5, -1, 4)]
    rows = [f"{t},{v},{t * v}" for t in (20, 40, 60) for v in sweep]
    file.write_text("\n".join(["Temperature (C),Voltage (V),Response (pm)", *rows]))
    record = datasets.read(file)
    np.testing.assert_allclose(record.values, np.outer([20, 40, 60], sweep))
    assert [(axis.name, axis.unit) for axis in record.axes] == [("Temperature", "C"), ("Voltage", "V")]
    np.testing.assert_array_equal(record.axes[0].values, [20, 40, 60])
    assert record.unit == "pm"
    file.write_text("\n".join(["Temperature (C),Voltage (V),Response (pm)", *rows[:-1]]))  # the last curve is shorter
    assert datasets.read(file).values.shape == (2, 26)  # columns over the first one, as before

    names = [f"{20 + 2 * number}.0 C" for number in range(20)]
    file.write_text("\n".join([",".join(["V (V)", *names]), *(",".join([str(v), *["1"] * 20]) for v in range(4))]))
    record = datasets.read(file)
    assert record.values.shape == (20, 4) and record.axes[0].unit == "C" and record.axes[0].values[3] == 26
    assert record.notes == ("curves: 20.0 C, 22.0 C, 24.0 C, … (20 in all), 58.0 C",)


def test_numbers_in_a_column_beside_curves_are_their_axis(tmp_path):
    """Temperatures beside curves are kept under their name, and the axis of the curves does not take it."""
    (tmp_path / "a.csv").write_text("temperature (K),0.5,1.5,3.0\n310,1,2,4\n295.5,3,5,6\n")
    found = datasets.read(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.values, CURVES)
    first, second = found.axes
    assert (first.name, first.unit, first.values.tolist()) == ("temperature", "K", [310, 295.5])
    assert (second.name, second.unit, second.values.tolist()) == ("", "", ENERGY.tolist())
    assert "temperature (K), has a number for each curve" in found.notes[0]
    with pytest.raises(ValueError, match=r"curves and no frame, by their axes: temperature \(K\)"):
        datasets.find_columns(found)
    (tmp_path / "b.csv").write_text("Energy (eV),0.5,1.5,3.0\n1,1,2,4\n2,3,5,6\n")
    counted = datasets.read(tmp_path / "b.csv")
    assert (counted.axes[1].name, counted.axes[1].unit) == ("Energy", "eV")
    assert counted.axes[0].values.tolist() == [1, 2] and "numbers of the curves" in counted.notes[0]


def test_loops_over_a_voltage_that_turns_around_are_curves(tmp_path):
    (tmp_path / "a.csv").write_text("Voltage (V),loop 1,loop 2\n0,1,2\n1,2,\n0,3,4\n-1,4,5\n")
    found = datasets.read(tmp_path / "a.csv")
    assert found.axes[1].values.tolist() == [0, 1, 0, -1] and found.axes[1].unit == "V"
    assert found.mask is not None and not found.mask[1, 1] and "loop 1, loop 2" in found.notes[0]
    frame = np.random.default_rng(0).normal(size=(9, 12))
    np.savetxt(tmp_path / "b.csv", frame, delimiter=",")
    found = datasets.read(tmp_path / "b.csv")
    np.testing.assert_allclose(found.values, frame)
    assert "no x axis" in found.notes[0]


def test_masked_and_saturated_values_are_kept_and_noted():
    from experiments.datasets.files.checking import measured

    x = np.random.default_rng(0).normal(0, 1, (40, 50))
    found = measured(np.ma.masked_array(x, mask=x < 0))
    np.testing.assert_array_equal(found.mask, x >= 0)
    assert np.isnan(found.values[x < 0]).all() and "missing" in found.notes[0]
    assert "saturated" in measured(np.clip(x, None, 1.5)).notes[0]
    counts = np.random.default_rng(0).poisson(3, (40, 50))
    assert measured(counts).notes == () and measured((x > 0) * 1.0).notes == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.ones((5, 5), complex), "modulus"),
        ("a.npy", np.full((5, 5), np.nan), "every value is missing"),
        ("a.npy", np.array([[1, np.inf]]), "1 values are infinite"),
        ("a.npy", np.array([["text"]]), "expected real numbers"),
        ("a.npy", np.zeros((0, 4)), "holds no value"),
        ("a.npy", np.array([{}], object), "pickled"),
        ("a.h5", b"no such thing", "no HDF5 file"),
        ("a.nc", b"CDF\x01 and nothing", "no whole netCDF"),
        ("a.csv", b"E,a\n1,2\n2,3,4\n", "line 3 has 3 cells"),
        ("a.csv", b"1,2,3\n2,5,6\n3,8,9\n", "say which is the x axis"),
        ("a.csv", b"E,a\n1,2\n,3\n", "has gaps"),
        ("a.csv", b"E,a\n1,2\nx,3\n", "line 3, column 1"),
        ("a.png", b"no picture", "cannot be read as a picture"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_say_what_to_change(name, content, message, tmp_path):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        np.save(tmp_path / name, content)
    with pytest.raises(ValueError, match=message):
        datasets.read(tmp_path / name)


def test_files_that_were_cut_short_are_named(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=X, y=X)
    np.save(tmp_path / "b.npy", X)
    nsid(tmp_path / "c.h5")
    for name, length in (("a.npz", 200), ("a.npz", 1500), ("b.npy", 200), ("c.h5", 3000)):
        path = tmp_path / f"short{name}"
        path.write_bytes((tmp_path / name).read_bytes()[:length])
        with pytest.raises(ValueError, match=f"short{name}"):
            datasets.read(path, "x")
    np.savez(tmp_path / "d.npz", scan=X, image=X[0])
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["a/image"], file["b/image"] = X[0], X[1]
    for name, dataset, message in (
        ("d.npz", "", r"scan \(6, 7, 9\), image \(7, 9\): set dataset"),
        ("d.npz", "other", "no array 'other'"),
        ("e.h5", "image", "2 arrays 'image'.*a/image, b/image"),
        ("none.npy", "", "there is no file"),
    ):
        with pytest.raises(ValueError, match=message):
            datasets.read(tmp_path / name, dataset)
    np.testing.assert_array_equal(datasets.read(tmp_path / "e.h5", "b/image").values, X[1])


@pytest.mark.parametrize("corner", ["", "Bias (V),"])
def test_a_sweep_to_and_fro_above_curves_is_their_axis(tmp_path, corner):
    bias = np.concatenate([np.linspace(-8, 8, 40), np.linspace(8, -8, 40)])
    curves = np.random.default_rng(0).standard_normal((30, 80))
    name = "loop," if corner else ""
    lines = [corner + ",".join(f"{v:.4f}" for v in bias), *(name + ",".join(f"{v:.5f}" for v in row) for row in curves)]
    (tmp_path / "loops.csv").write_text("\n".join(lines))
    found = datasets.read(tmp_path / "loops.csv")
    assert found.values.shape == (30, 80)
    np.testing.assert_allclose(found.axes[1].values, bias, atol=1e-4)
    np.testing.assert_allclose(found.values, curves, atol=1e-4)
    if corner:
        assert (found.axes[1].name, found.axes[1].unit) == ("Bias", "V")
