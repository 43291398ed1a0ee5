"""Experiments on scans and assemblies: splits that do not leak, scores of known predictions, known ranks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from experiments import dual_vae_plasmonics, image_to_spectrum, nmf_maps, spectrum_to_image
from experiments.datasets.plasmonics import particles
from experiments.datasets.plasmonics.scan import Scan
from experiments.datasets.plasmonics.shapes import Geometry, draw
from experiments.dual_vae_plasmonics.scores import concordance
from experiments.dual_vae_plasmonics.sets import pooled, symmetric
from experiments.lab.harness import main
from experiments.shared.structure_property import figures, scans
from experiments.shared.structure_property.options import ParticleSettings, PatchSettings
from models import nmf
from models.paired import baselines
from models.paired.baselines import normalised_mse
from models.paired.regions import inside

ROOT = Path(__file__).parent.parent
EXPERIMENTS = (nmf_maps, image_to_spectrum, spectrum_to_image, dual_vae_plasmonics)
SETTINGS = PatchSettings(patch=4, stride=1, map_stride=1)


def numbered(rows=12, columns=40):
    """A scan whose image and spectra say where each point is."""
    place = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    return Scan(place, np.repeat(place[..., None], 5, 2), np.arange(5.0), 1.0, "1", "eV", "nm", "numbered")


def test_no_point_of_a_scored_patch_occurs_in_training():
    scan = numbered()
    sets = scans.by_region(scan, SETTINGS)
    points = [set(np.unique(part.image).tolist()) for part in (sets.training, sets.validation, sets.test)]
    assert not (points[0] & points[1] or points[0] & points[2] or points[1] & points[2])
    columns = [sorted({int(value) % 40 for value in part}) for part in points]
    assert columns == [list(range(24)), list(range(24, 28)), list(range(28, 40))]
    rng = np.random.default_rng(0)
    leaking = scans.leaky(scan, SETTINGS, rng)
    assert set(np.unique(leaking.training.image)) & set(np.unique(leaking.test.image))
    middles = [set(np.rint(part.spectrum[:, 0] * leaking.top).tolist()) for part in leaking[:3]]
    assert not middles[0] & middles[2] and len(middles[0]) > 1.5 * len(middles[2])


@pytest.mark.parametrize("split", ["columns", "rows", "blocks"])
@pytest.mark.parametrize("shape", [(48, 48), (88, 72), (30, 170)])
def test_regions_of_a_small_scan_share_no_point_and_hold_patches(shape, split):
    scan = numbered(*shape)
    settings = scans.sized(PatchSettings(split=split, map_stride=1), scan)
    sets = scans.by_region(scan, settings)
    points = [set(np.unique(part.image).tolist()) for part in sets[:3]]
    assert not (points[0] & points[1] or points[0] & points[2] or points[1] & points[2])
    part = scans.regions_of(scan, settings).of_points(shape)
    assert all(points[k] <= set(scan.image[part == k].tolist()) for k in range(3))
    assert 0.4 < np.mean(part == 0) <= 0.62 and 0.2 < np.mean(part == 2) < 0.4
    every, row, column = scans.everywhere(scan, settings)
    scored = inside(scans.regions_of(scan, settings).scored, row, column, settings.patch)
    assert set(np.unique(every.image[scored])) == points[2]  # maps and scores mean the same patches


def test_a_small_scan_gets_smaller_patches_all_of_them_and_enough_steps():
    small, large = (scans.sized(PatchSettings(), numbered(*shape)) for shape in ((48, 48), (384, 384)))
    assert (large.patch, large.stride, large.epochs, large.batch_size) == (16, 3, 10, 200)
    assert small.patch == 14 and small.stride == 1
    count = len(scans.by_region(numbered(48, 48), small).training.image)
    assert 1900 <= small.epochs * (count // small.batch_size) < 2200
    given = scans.sized(PatchSettings(patch=8, stride=2, epochs=7), numbered(48, 48))
    assert (given.patch, given.stride, given.epochs) == (8, 2, 7)


def test_the_spectrum_stays_with_the_middle_of_its_patch_in_every_orientation():
    sets = scans.by_region(numbered(), SETTINGS)
    np.testing.assert_allclose(sets.training.spectrum[:, 0] * sets.top, sets.training.image[:, 2, 2], rtol=1e-6)
    upright = len(sets.training.image) // 8
    for n in range(1, 8):  # the same points, turned
        part = sets.training.image[n * upright : (n + 1) * upright]
        assert set(np.unique(part)) == set(np.unique(sets.training.image[:upright]))
        assert (part[0] != sets.training.image[0]).any()


def test_symmetry_makes_the_pairs_that_turned_and_mirrored_assemblies_have():
    quiet = particles.Plasmonics(
        per_class=1, geometry=Geometry(counts=(3,), shapes=("rod",)), image_counts=0.0, spectrum_counts=0.0
    )
    key = jax.random.key(2)
    first = jax.random.split(jax.random.split(key, 1)[0], 3)[0]
    drawn = jax.jit(draw, static_argnums=2)(first, jnp.asarray(3), quiet.geometry)
    turn, flip = np.deg2rad(60.0 * np.repeat(np.arange(3), 2)), np.tile([1.0, -1.0], 3)
    cosine, sine = np.cos(turn), np.sin(turn)
    x, y = np.asarray(drawn.place, float).T[:, None]
    place = np.stack(
        [flip[:, None] * (cosine[:, None] * x - sine[:, None] * y), sine[:, None] * x + cosine[:, None] * y], -1
    )
    angle = np.asarray(drawn.angle)[None] + turn[:, None]
    angle = np.where(flip[:, None] > 0, angle, np.pi - angle)

    @jax.jit
    @jax.vmap
    def simulated(place, angle):
        other = drawn._replace(place=place.astype(jnp.float32), angle=angle.astype(jnp.float32))
        return particles.picture(key, other, quiet)[0], particles.scattering(other, quiet)

    image, spectrum = map(np.asarray, simulated(place, angle))
    made = symmetric(particles.generate(key, quiet), 3, 1.0)
    np.testing.assert_allclose(made.spectrum**2, pooled(spectrum, 3), rtol=2e-2, atol=1e-3 * spectrum.max())
    assert np.abs(made.image - particles.coarsened(image)).max() < 0.15  # the outline is interpolated
    assert np.abs(made.image - np.roll(made.image, 2, 0)).max() > 0.5 < np.abs(made.image[::2] - made.image[1::2]).max()


def test_scores_of_known_predictions():
    rng = np.random.default_rng(1)
    true = rng.normal(size=(50, 4, 3))
    mean = true.mean(0)
    assert normalised_mse(true, true, mean) == 0
    np.testing.assert_allclose(normalised_mse(np.repeat(mean[None], 50, 0), true, mean), 1)
    angle = rng.uniform(0, 3, 200)
    assert concordance(angle, angle) == pytest.approx(1) and concordance(angle, angle + 0.5) < 0.9
    assert abs(concordance(angle, rng.permutation(angle))) < 0.2
    np.testing.assert_array_equal(pooled(np.arange(8.0)[None], 3), [[1.0, 4.0]])


def test_baselines_are_exact_where_they_should_be():
    rng = np.random.default_rng(2)
    x, matrix = rng.normal(size=(300, 6)), rng.normal(size=(6, 4))
    predicted = baselines.predict(x, x @ matrix, (x[:20], (x @ matrix)[:20]), x[5:9] + 0.0)
    np.testing.assert_allclose(predicted["nearest"], (x @ matrix)[5:9])
    np.testing.assert_allclose(predicted["ridge"], (x @ matrix)[5:9], atol=1e-3)


@pytest.mark.parametrize("rank", [2, 4])
def test_held_out_blocks_find_a_known_number_of_components(rank):
    rng = np.random.default_rng(3)
    loading, component = rng.gamma(0.5, size=(400, rank)), rng.gamma(0.5, size=(rank, 30))
    spectra = np.maximum(loading @ component + 0.02 * rng.normal(size=(400, 30)), 0)
    assert nmf.choose(spectra, range(1, 7), rng).chosen == rank
    factors = nmf.factorise(spectra, rank)
    assert factors.error < 0.06 and (factors.component.max(1) == 1).all() and (np.diff(factors.share) <= 0).all()
    np.testing.assert_allclose(factors.share.sum(), 1)
    again = nmf.factorise(spectra, rank)
    np.testing.assert_allclose(factors.component, again.component, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nmf.factorise(-np.ones((4, 3)), 2), "below zero"),
        (lambda: nmf.factorise(np.ones((4, 3)), 5), "give 1 to 3"),
        (lambda: nmf.choose(np.zeros((9, 6)), range(1, 3), np.random.default_rng(0)), "all spectra are zero"),
        (lambda: PatchSettings(patch=2), "--patch is 2; give at least 4"),
        (lambda: ParticleSettings(counts=(1,)), "two or more different numbers"),
        (lambda: ParticleSettings(elongated=1.0), "more than 1"),
        (lambda: scans.by_region(numbered(), PatchSettings(patch=14)), "patch=14, but the scan of 12 × 40"),
        (lambda: nmf_maps.Config(spectra="eels"), "--spectra names a part of a scan of your own"),
        (lambda: nmf_maps.Config(most=1), "--most is 1"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("module", [image_to_spectrum, spectrum_to_image], ids=lambda module: module.EXPERIMENT.name)
def test_a_scan_of_48_columns_under_names_of_its_own_gets_a_report_from_one_seed(module, tmp_path):
    rng = np.random.default_rng(2)
    image = rng.random((52, 48))
    cube = image[..., None] * np.exp(-((np.arange(20) - 8) ** 2) / 20) + 0.01 * rng.random((52, 48, 20))
    np.savez(tmp_path / "scan.npz", haadf=image, eels=cube, loss=np.arange(20.0))
    arguments = ["--smoke", "--seeds", "1", "--patch", "0", "--path", str(tmp_path / "scan.npz"), "--image", "haadf"]
    folder = main(module.EXPERIMENT, [*arguments, "--spectra", "eels", "--energy", "loss", "--runs", str(tmp_path)])
    page = (folder / "report.html").read_text()
    assert "data of your own, scan.npz" in page and "14 × 14 points" in page and "16 × 16" not in page


@pytest.mark.slow
@pytest.mark.parametrize("module", EXPERIMENTS, ids=lambda module: module.EXPERIMENT.name)
def test_smoke_run_draws_its_whole_report(module, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    name = module.EXPERIMENT.name
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", "--smoke", "--runs", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / name).iterdir()
    assert json.loads((folder / "metrics.json").read_text())["complete"] == 1
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(list(folder.glob("*.png"))) >= 5


def test_nothing_is_written_for_a_scan_that_is_refused(tmp_path):
    np.savez(
        tmp_path / "scan.npz", image=np.ones((40, 40)), spectra=np.ones((40, 39, 5)), energy=np.arange(5.0), scale=1.0
    )
    for module in (nmf_maps, image_to_spectrum):
        with pytest.raises(SystemExit, match="40"):
            main(module.EXPERIMENT, ["--path", str(tmp_path / "scan.npz"), "--runs", str(tmp_path / "runs")])
    assert not (tmp_path / "runs").exists()


def test_a_single_member_has_errors_and_no_spread_to_draw():
    errors = xarray.Dataset({"test_spread": ("patch", np.zeros(5)), "test_error": ("patch", np.linspace(0.1, 0.5, 5))})
    drawn = figures.calibration(errors, {}).axes[0]
    assert sum(bar.get_height() for bar in drawn.patches) == 5
