"""Files that instruments wrote, as hyperspy 1.7 ships them: read with their axes and units, factorised into lines.

The wheel is fetched by pip as it is configured here; without a network, or without rosettasciio, the tests are skipped.
The expected axes are those that hyperspy's own tests state, and energies of lines are tabulated ones (X-ray Data
Booklet, Lawrence Berkeley National Laboratory, 2009).
"""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

import models
from experiments import datasets

pytestmark = pytest.mark.slow
LINES = {  # keV
    "C Kα": 0.277, "Cu Lα": 0.930, "Al Kα": 1.487, "Ag Ll": 2.634, "Ag Lα": 2.984, "Ag Lβ": 3.151, "Cu Kα": 8.048,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The folder of hyperspy's data files."""
    pytest.importorskip("rsciio", reason="microscopes' files are read by rosettasciio: the extra microscopes")
    folder = tmp_path_factory.mktemp("hyperspy")
    fetch = [sys.executable, "-m", "pip", "download", "hyperspy==1.7.*", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*fetch, "-q", "-d", str(folder)], capture_output=True, text=True, timeout=300)
    wheels = list(folder.glob("hyperspy-1.7*.whl"))
    if done.returncode or not wheels:
        pytest.skip(f"pip cannot fetch the wheel of hyperspy 1.7: {done.stderr.strip()[-300:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith("hyperspy/tests/io/")])
    return folder / "hyperspy" / "tests" / "io"


@pytest.mark.parametrize(
    ("file", "array", "shape", "axes"),
    [
        ("dm3_2D_data/test_STEM_image.dm3", "", (68, 68), [("y", "nm", None, None), ("x", "nm", None, None)]),
        ("dm3_2D_data/multi_signal.dm3", "HAADF", (512, 512), []),
        ("dm3_1D_data/test-EELS_spectrum.dm3", "", (2048,), [("Energy loss", "eV", None, None)]),
        ("dm4_3D_data/EELS_SI.dm4", "", (2048, 2, 2), [("Energy loss", "eV", None, None)]),
        (
            "bruker_data/30x30_instructively_packed_16bit_compressed.bcf",
            "EDX",
            (30, 30, 2048),
            [(None, "µm", 0.0, 1.66740910949362), (None, "µm", 0.0, 1.66740910949362),
             (None, "keV", -0.47225277, 0.009999)],
        ),
        ("bruker_data/test_TEM.bcf", "HAADF", (64, 64), []),
        ("emd_files/fei_example_tem_stack.emd", "", (2, 3, 3), [("Time", "s", None, None), ("y", "pm", None, None)]),
        ("emd_files/Si100_4D.emd", "", (2, 11, 11, 8, 8), []),
        (
            "sur_data/test_spectral_map.sur",
            "",
            (12, 10, 310),
            [(None, "mm", None, 8.252197585534304e-05), (None, "mm", None, 8.252197585534304e-05),
             (None, "mm", 0.0003332748601678759, 1.084000246009964e-6)],
        ),
        ("sur_data/test_surface.sur", "", (128, 128), [("Height", "mm", None, None), ("Width", "mm", None, None)]),
    ],
)  # fmt: skip
def test_a_file_has_the_values_axes_and_units_of_its_instrument(files, file, array, shape, axes):
    found = datasets.read(files / file, array)
    assert found.values.shape == shape and [len(axis.values) for axis in found.axes] == list(shape)
    assert np.isfinite(found.values).all() and found.values.std() > 0
    for axis, (name, unit, first, step) in zip(found.axes, axes, strict=False):
        assert axis.unit == unit and name in (None, axis.name)
        if first is not None:
            assert axis.values[0] == pytest.approx(first, rel=1e-4, abs=1e-9)
        if step is not None:
            assert np.diff(axis.values).mean() == pytest.approx(step, rel=1e-4)


def test_packed_counts_are_those_that_were_unpacked_by_the_instrument(files):
    folder = files / "bruker_data"
    counts = datasets.read(folder / "30x30_instructively_packed_16bit_compressed.bcf", "EDX").values
    np.testing.assert_array_equal(counts[:, :, 222:224], np.load(folder / "30x30_16bit.npy"))


def test_what_a_file_holds_is_named_where_it_holds_several_arrays(files):
    with pytest.raises(ValueError, match=r"EDX \(50, 50, 2048\) .*set dataset"):
        datasets.read(files / "bruker_data" / "bcf_v2_50x50px.bcf")
    with pytest.raises(ValueError, match="complex values"):
        datasets.read(files / "emd_files" / "fei_example_complex_fft.emd")
    with pytest.raises(ValueError, match="cannot be read"):
        datasets.read(files / "bruker_data" / "Nope.bcf")


def lines_of(component, energy):
    """The names of the highest peaks of a component, by the nearest line, and their distances from it in keV."""
    smooth = np.where(energy > 0.15, gaussian_filter1d(component, 3), 0)  # the detector's own peak is at zero energy
    peaks, _ = find_peaks(smooth, prominence=0.08 * smooth.max())
    names, tabulated = list(LINES), np.array(list(LINES.values()))
    nearest = np.abs(energy[peaks, None] - tabulated).argmin(1)
    return [names[k] for k in nearest], np.abs(energy[peaks] - tabulated[nearest])


def test_components_of_a_measured_cube_are_those_of_its_elements(files):
    cube = datasets.read(files / "bruker_data" / "bcf_v2_50x50px.bcf", "EDX")
    energy = cube.axes[-1].values
    found = models.fit_nmf(cube, most=3)  # with most=5 it is the same number
    assert found.counts and cube.values.shape == (50, 50, 2048) and found.loading.shape == (50, 50, 2)
    np.testing.assert_allclose(found.share, [0.699, 0.301], atol=0.005)
    names, away = zip(*(lines_of(component, energy) for component in found.component), strict=True)
    assert np.concatenate(away).max() < 0.05
    assert names[0] == ["Al Kα"] and set(names[1]) <= {"C Kα", "Ag Ll", "Ag Lα", "Ag Lβ"} and "Ag Lα" in names[1]
    assert np.corrcoef(found.loading.reshape(-1, 2).T)[0, 1] < 0.5
