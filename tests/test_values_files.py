"""Files as instruments write them: links, groups, units, packed values, several signals."""

import h5py
import numpy as np
import pytest
import xarray

from experiments.datasets import own
from experiments.datasets.batches import to_batch
from experiments.datasets.files.reading import read
from experiments.datasets.plasmonics import own as scans
from ferro_jax.files import arrays_of

RANDOM = np.random.default_rng(0)
IMAGE, CUBE, ENERGY = RANDOM.uniform(0, 1, (6, 7)), RANDOM.poisson(20, (6, 7, 16)) * 1.0, np.linspace(1, 2, 16)


@pytest.fixture
def linked(tmp_path):
    """A file whose array has a hard, a soft and an external name, and links that lead nowhere or in a circle."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["far"] = 2 * IMAGE
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw/frame"] = IMAGE
        file["raw/hard"] = file["raw/frame"]
        file["entry/soft"] = h5py.SoftLink("/raw/frame")
        file["entry/outside"] = h5py.ExternalLink("other.h5", "/far")
        file["entry/nothing"] = h5py.SoftLink("/not/there")
        file["entry/gone"] = h5py.ExternalLink("gone.h5", "/far")
        file["raw/circle"] = h5py.SoftLink("/")
    return tmp_path / "a.h5"


@pytest.mark.parametrize("name", ["raw/frame", "/raw/frame", "raw/hard", "entry/soft", "frame", "soft"])
def test_arrays_are_found_by_every_name_they_have(linked, name):
    np.testing.assert_array_equal(read(linked, name).values, IMAGE)
    np.testing.assert_array_equal(read(linked, "entry/outside").values, 2 * IMAGE)


def test_several_names_of_one_array_are_one_array(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = IMAGE
        file["entry/x"] = h5py.SoftLink("/x")
    np.testing.assert_array_equal(read(tmp_path / "a.h5").values, IMAGE)


def scan_file(path, groups):
    with h5py.File(path, "w") as file:
        for group, parts in groups.items():
            for name, values in parts.items():
                file[f"{group}/{name}"] = values
    return str(path)


def test_the_image_of_one_group_never_comes_with_the_spectra_of_another(tmp_path):
    whole = {"image": IMAGE, "spectrum image": CUBE, "energy axis": ENERGY, "scale": "2 nm"}
    file = scan_file(tmp_path / "two.h5", {"a": whole, "b": {"image": 1 - IMAGE}})
    scan = scans.read(scans.OwnScan(file))
    assert np.corrcoef(scan.image.ravel(), IMAGE.ravel())[0, 1] > 0.99
    assert (scan.scale, scan.scale_units) == (2.0, "nm")
    parted = scan_file(
        tmp_path / "part.h5", {"a": {"spectrum image": CUBE, "energy axis": ENERGY}, "b": {"image": IMAGE}}
    )
    with pytest.raises(ValueError, match="of another group.*give the full name, image='b/image'"):
        scans.read(scans.OwnScan(parted))
    assert scans.read(scans.OwnScan(parted, image="b/image")).image.shape == (6, 7)


@pytest.mark.parametrize(
    ("scale", "words"), [(0.0, "must be positive"), ("wide", "give the distance"), (-1.0, "positive")]
)
def test_distances_that_are_none_are_refused(tmp_path, scale, words):
    whole = {"image": IMAGE, "spectrum image": CUBE, "energy axis": ENERGY, "scale": scale}
    with pytest.raises(ValueError, match=words):
        scans.read(scans.OwnScan(scan_file(tmp_path / "a.h5", {"a": whole})))


def axis(size, scale, units="nm"):
    return {"size": size, "scale": scale, "offset": 0.0, "units": units}


def test_of_several_images_of_a_microscope_the_one_that_fits_is_taken():
    axes = [axis(6, 2.0), axis(7, 2.0), axis(16, 0.1, "eV")]
    survey = {"data": np.ones((60, 70)) + RANDOM.uniform(0, 1, (60, 70)), "axes": [axis(60, 1.0), axis(70, 1.0)]}
    spectra, image = {"data": CUBE, "axes": axes}, {"data": IMAGE, "axes": axes[:2]}
    scan = scans.from_signals([survey, spectra, image], "a.dm4", scans.OwnScan())
    assert np.corrcoef(scan.image.ravel(), IMAGE.ravel())[0, 1] > 0.99 and scan.scale == 2.0
    with pytest.raises(ValueError, match="no image of the"):
        scans.from_signals([survey, spectra], "a.dm4", scans.OwnScan())
    for uneven in ([axis(6, 2.0), axis(7, 3.0)], [{**axis(6, 1.0), "axis": np.arange(6) ** 2.0}, axis(7, 1.0)]):
        signals = [{"data": CUBE, "axes": [*uneven, axes[2]]}, image]
        with pytest.raises(ValueError, match="not equally far apart"):
            scans.from_signals(signals, "a.dm4", scans.OwnScan())
        assert scans.from_signals(signals, "a.dm4", scans.OwnScan(scale=4.0)).scale == 4.0


def test_attributes_and_labels_of_bytes_are_text(tmp_path):
    with h5py.File(tmp_path / "A.H5", "w") as file:
        file["x"], file["gap"] = RANDOM.uniform(0, 1, (5, 6, 7)), 1.7e9 + np.arange(5.0)
        file["gap"].attrs["units"] = np.bytes_("µm".encode("cp1252"))
        file["kind"] = np.array(["größer".encode("cp1252"), b"b", b"b", b"b", b"b"])
    images = own.read(own.Own(path=str(tmp_path / "A.H5"), dataset="x", label="kind", factors=("gap",)))
    assert images.units["gap"] == "µm" and images.classes == ("b", "größer")
    np.testing.assert_array_equal(np.diff(images.factors["gap"]), 1)
    with pytest.raises(ValueError, match="subtract an offset"):
        to_batch(images, ("gap",))


def test_packed_and_unwritten_values_are_unpacked_and_missing(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        file["bytes"] = np.array([[1, -1], [2, 3]], np.int8)
        file["bytes"].attrs["_Unsigned"] = "true"
        file["height"] = np.array([[1.0, 9.969209968386869e36], [2, 3]], np.float32)
    assert read(tmp_path / "a.nc", "bytes").values.max() == 255
    found = read(tmp_path / "a.nc", "height")
    assert found.mask is not None and (~found.mask).sum() == 1 and np.nanmax(found.values) == 3


@pytest.mark.parametrize("classic", [False, True])
def test_packed_axes_are_unpacked(tmp_path, classic):
    data = xarray.Dataset({"h": (("n", "y"), IMAGE)}, {"n": 0.5 * np.arange(6)})
    packed = {"n": {"dtype": "int16", "scale_factor": 0.5}}
    data.to_netcdf(tmp_path / "a.nc", engine="scipy" if classic else "h5netcdf", encoding=packed)
    np.testing.assert_allclose(read(tmp_path / "a.nc").axes[0].values, 0.5 * np.arange(6))


def test_values_packed_by_a_factor_of_0_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(6)
        file["x"].attrs["scale_factor"] = 0.0
    with pytest.raises(ValueError, match="scale_factor is 0"):
        read(tmp_path / "a.h5")


def test_paths_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with (tmp_path / "A.NPY").open("wb") as file:
        np.save(file, IMAGE)
    np.testing.assert_array_equal(read("~/A.NPY").values, IMAGE)


@pytest.mark.parametrize("order", "<>")
def test_texts_with_characters_that_do_not_exist_are_refused(tmp_path, order):
    words = np.array(["grain", "wall"], f"{order}U5")
    np.save(tmp_path / "a.npy", words)
    assert arrays_of(tmp_path / "a.npy")[""].tolist() == ["grain", "wall"]
    words.view(f"{order}u4")[3] = 0x110000
    np.save(tmp_path / "a.npy", words)
    with pytest.raises(ValueError, match=r"a.npy cannot be read .*characters that do not exist"):
        arrays_of(tmp_path / "a.npy")


ROWS = [(loop, volt, 10 * loop + volt) for loop in (1, 2, 3) for volt in (0.5, 1.5, 2.5, 3.5)]


def table(path, rows, header="sample,voltage (V),response (pm)"):
    """Write rows below a header."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return path


@pytest.mark.parametrize("order", ["as measured", "by voltage", "shuffled"])
@pytest.mark.parametrize("named", [False, True])
def test_a_row_for_each_point_of_a_curve_becomes_curves_in_any_order(tmp_path, order, named):
    rows = {"as measured": ROWS, "by voltage": sorted(ROWS, key=lambda row: row[1])}
    rows["shuffled"] = [ROWS[at] for at in np.random.default_rng(0).permutation(len(ROWS))]
    taken = [("abc"[loop - 1], *rest) for loop, *rest in rows[order]] if named else rows[order]
    found = read(table(tmp_path / "a.csv", taken))
    curves = [row[2] for row in ROWS[:4]], [row[2] for row in ROWS[4:8]], [row[2] for row in ROWS[8:]]
    ids = list(dict.fromkeys(row[0] for row in rows[order])) if named else [1, 2, 3]
    np.testing.assert_array_equal(found.values, [curves[loop - 1] for loop in ids])
    np.testing.assert_array_equal(found.axes[1].values, [0.5, 1.5, 2.5, 3.5])
    assert (found.axes[1].name, found.axes[1].unit, found.unit) == ("voltage", "V", "pm")
    assert named or found.axes[0].values.tolist() == [1, 2, 3]


def test_curves_of_a_sweep_keep_the_order_of_their_rows(tmp_path):
    sweep = [0, 1, 0, -1]
    found = read(
        table(tmp_path / "a.csv", [(loop, volt, loop + at) for loop in (7, 8) for at, volt in enumerate(sweep)])
    )
    np.testing.assert_array_equal(found.axes[1].values, sweep)
    np.testing.assert_array_equal(found.values, [[7, 8, 9, 10], [8, 9, 10, 11]])


@pytest.mark.parametrize("rows", [ROWS[:-1], [*ROWS, ROWS[-1]], [(n, volt + n, y) for n, volt, y in ROWS]])
def test_points_of_curves_that_do_not_share_their_axis_are_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="the curves differ in voltage"):
        read(table(tmp_path / "a.csv", rows))
    assert read(tmp_path / "a.csv", x="none").values.shape == (len(rows), 2)


def test_empty_columns_at_the_end_of_a_table_are_no_curves(tmp_path):
    for name, first in (("a.csv", "V,one,two,,\n"), ("b.csv", "")):
        (tmp_path / name).write_text(first + "0,1,2,,\n1,2,,,\n2,3,4,,\n")
        found = read(tmp_path / name, x="column")
        np.testing.assert_array_equal(found.values, [[1, 2, 3], [2, np.nan, 4]])


@pytest.mark.parametrize("cells", ["1;1,234\n1.5;2,345\n", "0.5;1\n1.5;-2,345\n"])
def test_commas_that_may_group_thousands_are_refused(tmp_path, cells):
    (tmp_path / "a.csv").write_text("t;v\n" + cells)
    with pytest.raises(ValueError, match=r"may be -?\d\.\d+ or -?\d{4}"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("t;v\n" + cells.replace(".", ","))
    assert np.abs(read(tmp_path / "a.csv").values).max() < 3
