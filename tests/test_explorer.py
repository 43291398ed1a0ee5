"""The explorer's physics and decoder, in Node, against JAX; what goes into its page."""

import json
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import ferro_jax as ferro
import models
from experiments import latent_bo, vae_digits
from experiments.lab import report
from experiments.shared.explorer import decoder, lattices, page
from experiments.shared.explorer.records import Campaign, Content, Decoder, Layer, Points, Preset, Simulator
from experiments.shared.lattices import setups
from models import histories
from models.histories import Scaling
from models.vaes.model import vae

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="Node.js, which runs the page's scripts without a browser, is missing"
)
WITHOUT_SCREEN = ("arrays", "threefry", "ferrosim", "curl", "decoder", "grid", "simulation")
KEY = jax.random.key(7)


def in_node(code, data, tmp_path):
    """Run the page's scripts without its pictures, then ``code``, with ``data`` as the page's; returns its value."""
    assert NODE is not None
    (tmp_path / "data.json").write_text(json.dumps(data))
    scripts = [(page.WEB / f"{name}.js").read_text() for name in WITHOUT_SCREEN]
    short = "const short = String;"  # of plots.js
    read = 'const data = JSON.parse(require("fs").readFileSync("data.json"));'
    (tmp_path / "code.js").write_text("\n".join([*scripts, short, read, f"console.log(JSON.stringify({code}))"]))
    done = subprocess.run([NODE, "code.js"], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def words_of(key):
    """Return the two words of a key."""
    return [int(word) for word in jax.random.key_data(key)]


def content(**changes):
    """A page of 12 cells with two campaigns, whose decoder is one small layer."""
    z = np.stack(np.meshgrid(np.linspace(-1, 1, 4), np.linspace(0, 1, 3), indexing="ij"), -1).reshape(-1, 2)
    values = np.arange(12.0)
    small = Decoder(
        [(np.ones((2, 5)), np.zeros(5))],
        "tanh",
        5,
        np.full(1, -2.0),
        np.full(1, np.inf),
        ("",),
        ("V",),
        "s",
        0.0,
        (1, 1),
    )
    asked = [Campaign(f"seed {n}", np.arange(3), values[:3], np.zeros(3), 2) for n in range(2)]
    layers = [Layer("map", "truth", values), *(Layer("mean", "mean", values, campaign=n) for n in range(2))]
    points = [Points("histories", z)]
    return Content("title", "about", "cap", z, np.ones(12), layers, asked, points, small)._replace(**changes)


def data_of(path):
    """Return the data that a page holds."""
    text = path.read_text()
    start = text.index('id="data">') + len('id="data">')
    return json.loads(text[start : text.index("</script>", start)])


@needs_node
def test_the_axis_of_the_field_fits_the_history_that_is_shown(tmp_path):
    """A round limit above the largest |field|, at most a third above it; a history of zeros has one too."""
    largest = [0.1331, 0.99, 1.0, 0.047, 1.3, 2e-4]
    histories = [[0.0, size, -size / 2] for size in largest] + [[0.1, -size, 0.0] for size in largest if size > 0.1]
    data = {"page": {"simulator": {"presets": [{"field_scale": 150}]}}, "histories": [*histories, [0.0, 0.0]]}
    limits = in_node("data.histories.map((h) => fieldLimit(data.page, Float32Array.from(h)))", data, tmp_path)
    ratios = np.array(limits[:-1]) / (150 * np.abs(histories).max(axis=1))
    assert limits[0] == 25 and limits[-1] == 150
    assert np.all((ratios > 1.04) & (ratios < 1.05 * 1.34)), ratios


@needs_node
@pytest.mark.parametrize("shape", [(20, 20), (7, 5)])
def test_random_subsets_are_those_of_jax(shape, tmp_path):
    lattice = ferro.Lattice(shape, boundary="grounded", update="random_subset")
    sites, steps = lattice.sites, 300
    job = {"key": words_of(KEY), "seed": 12345, "fold": 99}
    code = f"(() => {{ const part = drawSubsets(data.key, 100, {sites}); return ["
    code += f"[...drawSubsets(data.key, {steps}, {sites}, part)], keyOf(data.seed), foldIn(data.key, data.fold)]; }})()"
    rows, key, folded = in_node(code, job, tmp_path)
    masks = np.zeros((steps, sites), bool)
    masks[1] = True
    for step, row in enumerate(np.reshape(rows, (steps - 2, sites // 4)), 2):
        masks[step, row] = True
    np.testing.assert_array_equal(masks, np.asarray(ferro.subset_masks(KEY, steps, lattice)).reshape(steps, -1))
    assert key == words_of(jax.random.key(12345)) and folded == words_of(jax.random.fold_in(KEY, 99))


SETUPS = {
    "lecture": ferro.lecture(),
    "synchronous": setups.synchronous(ferro.lecture()),
    "physical": ferro.physical(),
    "changed": ferro.lecture()._replace(hold_steps=130),
}


@needs_node
@pytest.mark.parametrize("name", SETUPS)
def test_simulations_are_those_of_jax(name, tmp_path):
    setup = SETUPS[name]
    if name == "changed":
        setup = setup._replace(params=setup.params._replace(coupling=jnp.float32(5), depolarization=jnp.float32(2)))
    time = np.linspace(0, 3, 900)
    curve = np.float32(np.exp(-0.4 * time) * np.cos(7 * time))
    local = ferro.random_field(jax.random.key(1), setup.lattice, coercive_field=setup.coercive_field).astype(
        jnp.float32
    )
    attributes = {key.replace(f"{setup.name}_", f"{name}_", 1): v for key, v in setups.attributes(setup).items()}
    preset = Preset(name, lattices.preset(attributes, name), np.asarray(local))
    job = page._simulator(Simulator([preset], {"own": np.array(words_of(KEY), np.uint32)}))
    settings = "settingsOf(page, 0)"
    code = f"""(() => {{ const page = {{ simulator: unpacked(data.simulator) }};
    const found = runSimulation(page, Float32Array.from(data.curve), {settings});
    const last = found.frames.slice(800 * (found.steps - 1), 800 * found.steps);
    return [found.target, found.steps, [...last], [...found.sums], found.settled]; }})()"""
    target, steps, frame, sums, settled = in_node(code, {"simulator": job, "curve": curve.tolist()}, tmp_path)
    observe = lambda state: ferro.target(state, setup)  # noqa: E731
    expected = jax.jit(lambda curve: ferro.simulate(KEY, curve, local, setup, observe=observe, check=False))(curve)
    assert steps == int(expected.state.step) and settled
    np.testing.assert_allclose(np.reshape(frame, (2, 20, 20)), expected.state.visible, atol=1e-5)
    np.testing.assert_allclose(sums[: len(expected.observations)], expected.observations, atol=1e-4)
    assert target == pytest.approx(float(ferro.target(expected.state, setup)), abs=1e-4)


def family():
    """An untrained family of 24 samples of two channels, with bounds, smoothing and durations."""
    rng = np.random.default_rng(0)
    config = models.VAEConfig(shape=(49,), hidden=(16, 8), activation="gelu", likelihood="gaussian_learned")
    scaling = Scaling(rng.normal(400, 50, (24, 2)), np.array([80.0, 3.0]), np.array([4.0, 0.7]), 30.0, 90.0, smooth=0.1)
    low, high = np.array([370.0, -np.inf]), np.array([np.inf, 402.0])
    means, labels = np.zeros((3, 2)), (("T", "j"), ("K", "A"), "min")
    return histories.Learned(
        config, jax.jit(vae(config).init)(KEY), scaling, low, high, means, means, False, *labels, None, None
    )


@needs_node
def test_decoded_histories_are_those_of_models(tmp_path):
    learned = family()
    z = np.float32(np.random.default_rng(1).normal(0, 3, (8, 2)))
    code = "data.z.map((z) => { const d = decode(unpacked(data.decoder), z); return [[...d.history], d.duration]; })"
    made = page._decoder(decoder.decoder_of(learned))
    found = in_node(code, {"decoder": made, "z": z.tolist()}, tmp_path)
    expected = jax.jit(lambda z: histories.decode(learned, z))(z)
    for (history, duration), value, length in zip(found, expected.values, expected.duration, strict=True):
        np.testing.assert_allclose(np.reshape(history, (24, 2)), value, rtol=1e-6, atol=1e-4)
        assert duration == pytest.approx(float(length), rel=1e-5)
    values = np.asarray(expected.values)
    assert (values[..., 0] == 370).any() and (values[..., 1] == 402).any()  # bounds are met
    assert np.ptp(np.asarray(expected.duration)) > 1


def test_a_model_that_the_page_cannot_decode_is_refused():
    config = models.VAEConfig(shape=(4,), activation="elu")
    with pytest.raises(ValueError, match="elu"):
        decoder.decoder_of(
            histories.Learned(config, *[None] * 4, *[np.zeros((2, 2))] * 2, True, (), (), "", *[None] * 2)
        )


@needs_node
@pytest.mark.parametrize("latents", [1, 2, 3])
def test_cells_keep_their_places_and_points_find_them_where_cells_are_absent(latents, tmp_path):
    axes = [np.float32(np.linspace(-1, 2, 7)), np.float32(np.linspace(0, 1, 5)), np.float32(np.linspace(3, 4, 4))]
    z = np.stack(np.meshgrid(*axes[:latents], indexing="ij"), -1).reshape(-1, latents).astype(float)
    z = z[(np.arange(len(z)) % 3 > 0) | (len(z) < 8)]
    job = {**page._grid(z), "z": z.tolist()}
    code = """(() => { const page = unpacked(data); page.cellAt = cellsByPlace(page);
    const shown = cellsOfPlane(page, 1);
    return [data.z.map((_, cell) => latentsOf(page, cell)), data.z.map((z) => nearestCell(page, page.cellAt, z)),
      nearestCell(page, page.cellAt, data.z[0].map((v) => v + 1e-3)), shown.filter((cell) => cell >= 0).length]; })()"""
    places, nearest, near, shown = in_node(code, job, tmp_path)
    np.testing.assert_allclose(places, z, atol=1e-6)
    assert nearest == list(range(len(z))) and near == 0
    assert shown == (len(z) if latents < 3 else int((np.abs(z[:, 2] - axes[2][1]) < 1e-3).sum()))


def test_cells_on_no_grid_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no regular grid"):
        page.write(tmp_path, content(z=np.random.default_rng(0).normal(size=(12, 2))))


def test_a_page_says_what_it_leaves_out_and_no_word_ends_its_script(tmp_path, monkeypatch):
    path = page.write(tmp_path, content(title="</script><b>mine"))
    assert data_of(path)["title"] == "</script><b>mine" and data_of(path)["left_out"] == []
    least = path.stat().st_size
    monkeypatch.setattr(page, "LARGEST", least - 50)
    smaller = data_of(page.write(tmp_path, content()))
    assert smaller["left_out"] == ["seed 1"] and len(smaller["campaigns"]) == 1
    assert [layer["campaign"] for layer in smaller["layers"]] == [None, 0]
    assert (tmp_path / page.FILE).stat().st_size <= least - 50
    monkeypatch.setattr(page, "LARGEST", 1000)
    with pytest.raises(ValueError, match="1000 are the most"):
        page.write(tmp_path, content())


def test_a_report_goes_without_an_explorer_and_says_why(tmp_path, capsys):
    empty = xarray.Dataset()
    assert report._explorer(tmp_path, latent_bo.EXPERIMENT, empty, {}, {}) == ""
    assert "no explorer: the run has no weights of the decoder" in capsys.readouterr().err
    assert report._explorer(tmp_path, vae_digits.EXPERIMENT, empty, {}, {}) == "" == capsys.readouterr().err


def test_scripts_are_short_and_name_nothing_outside():
    for path in page.WEB.iterdir():
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        assert "http" not in text.replace("http-equiv", ""), path
    assert {path.name for path in page.WEB.glob("*.js")} == set(page.SCRIPTS)


@pytest.mark.parametrize("change", [{"x_boundary": "glass"}, {"x_axes": "y"}, {"x_shape": [90, 90]}])
def test_a_lattice_that_the_page_cannot_simulate_is_refused(change):
    attributes = {key.replace("lecture", "x", 1): value for key, value in setups.attributes(ferro.lecture()).items()}
    assert lattices.preset(attributes, "x")["clip"] == 10
    with pytest.raises(ValueError, match="the explorer simulates"):
        lattices.preset(attributes | change, "x")
