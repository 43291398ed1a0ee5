// FerroSIM in the browser: the same steps as ferro_jax.run, in double precision, for one lattice.
//
// Sites are counted row by row. A preset has the parameters of ferro_jax.Setup under the names of their attributes:
// dp/dt = mobility (E + E_local - depolarization <p> - Landau force - 2 coupling sum of bonds).

/** Return the four neighbours of each site, (site, 4): below, above, right, left; `sites` where one is missing. */
function neighboursOf(shape, boundary) {
  const [rows, columns] = shape;
  const table = new Uint16Array(4 * rows * columns);
  const wrap = boundary === "periodic";
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      [[1, 0], [-1, 0], [0, 1], [0, -1]].forEach(([down, right], k) => {
        const a = i + down;
        const b = j + right;
        const inside = a >= 0 && a < rows && b >= 0 && b < columns;
        const there = ((a + rows) % rows) * columns + ((b + columns) % columns);
        table[4 * (i * columns + j) + k] = inside || wrap ? there : rows * columns;
      });
    }
  }
  return table;
}

/** Return the coefficients of the force times dt * mobility, and the neighbours. */
function coefficientsOf(preset) {
  const sites = preset.shape[0] * preset.shape[1];
  const neighbours = neighboursOf(preset.shape, preset.boundary);
  const scale = preset.dt * preset.mobility;
  const linear = new Float64Array(sites);
  for (let s = 0; s < sites; s++) {
    let bonds = 4; // on a grounded edge a missing neighbour counts as p = 0, on an open one it has no bond
    if (preset.boundary === "open") for (let k = 0; k < 4; k++) if (neighbours[4 * s + k] === sites) bonds -= 1;
    linear[s] = scale * (-2 * preset.alpha1 - 2 * preset.coupling * bonds);
  }
  return {
    sites,
    neighbours,
    scale,
    linear,
    cubic: scale * -4 * preset.alpha2,
    mixed: scale * -2 * preset.alpha3,
    bond: scale * 2 * preset.coupling,
    depolarization: scale * -preset.depolarization,
    clip: preset.clip === null ? Infinity : preset.clip,
  };
}

/** Return the lattice at rest with p = 0, each array with a zero at the end for missing neighbours.
 *
 * `p` is the polarization, `shown` what neighbours and observers see, `projected` what a site shows while it does not
 * move, `sum` the sum of p. Where all sites move in each step, all three are the same arrays. */
function latticeAtRest(sites, synchronous) {
  const make = () => [new Float64Array(sites + 1), new Float64Array(sites + 1)];
  const p = make();
  const [shown, projected] = synchronous ? [p, p] : [make(), make()];
  return { p, shown, projected, change: make(), sum: [0, 0] };
}

/** Write dt * dp/dt of the sites `rows` into `lattice.change`. */
function computeChange(lattice, c, local, field, rows) {
  const [x, y] = lattice.p;
  const [sx, sy] = lattice.shown;
  const [gx, gy] = lattice.change;
  const { neighbours, linear, cubic, mixed, bond, clip, sites, scale } = c;
  const alongX = scale * field + (c.depolarization * lattice.sum[0]) / sites;
  const alongY = (c.depolarization * lattice.sum[1]) / sites;
  for (let n = 0; n < rows.length; n++) {
    const s = rows[n];
    const a = Math.min(clip, Math.max(-clip, x[s]));
    const b = Math.min(clip, Math.max(-clip, y[s]));
    const below = neighbours[4 * s];
    const above = neighbours[4 * s + 1];
    const right = neighbours[4 * s + 2];
    const left = neighbours[4 * s + 3];
    const sumX = sx[below] + sx[above] + (sx[right] + sx[left]);
    const sumY = sy[below] + sy[above] + (sy[right] + sy[left]);
    gx[s] = a * (linear[s] + cubic * a * a + mixed * b * b) + bond * sumX + scale * local[s] + alongX;
    gy[s] = b * (linear[s] + cubic * b * b + mixed * a * a) + bond * sumY + scale * local[sites + s] + alongY;
  }
}

/** Move the sites `rows` by `lattice.change`; those of `before`, which moved in the step before, stop showing p. */
function move(lattice, rows, before) {
  for (let axis = 0; axis < 2; axis++) {
    const p = lattice.p[axis];
    const shown = lattice.shown[axis];
    const projected = lattice.projected[axis];
    const change = lattice.change[axis];
    let moved = 0;
    for (let n = 0; n < rows.length; n++) {
      const s = rows[n];
      p[s] += change[s];
      moved += change[s];
    }
    lattice.sum[axis] += moved;
    if (shown === p) continue;
    for (let n = 0; n < before.length; n++) shown[before[n]] = projected[before[n]];
    for (let n = 0; n < rows.length; n++) {
      const s = rows[n];
      shown[s] = p[s];
      projected[s] = p[s] + change[s];
    }
  }
}

/** Write what observers see of the lattice as frame `number` of `frames`, (frame, component, site). */
function keepFrame(frames, number, lattice, sites) {
  frames.set(lattice.shown[0].subarray(0, sites), 2 * sites * number);
  frames.set(lattice.shown[1].subarray(0, sites), 2 * sites * number + sites);
}

/** Return the field of each step along x, model units: the samples of `curve`, and the last one for `hold` more. */
function appliedField(curve, preset, hold) {
  const unit = Math.fround(preset.field_scale * preset.coercive_field);
  const field = new Float32Array(curve.length + hold);
  for (let t = 0; t < field.length; t++) field[t] = unit * curve[Math.min(t, curve.length - 1)];
  return field;
}

/** Simulate a field history: `curve` in units of the preset's largest field, `local` (component, site) in model units.
 *
 * `subsets` are those of `drawSubsets` for the random-subset update. Returns the `frames` after every step (frame,
 * component, site), the number of `steps`, the `field` of the driven and held ones, and whether the lattice is `finite`
 * and, under a preset that settles, at rest (`settled`). */
function simulate(preset, curve, local, hold, subsets) {
  const c = coefficientsOf(preset);
  const { sites } = c;
  const field = appliedField(curve, preset, hold);
  const settle = preset.settle;
  const frames = frameBuffer(2 * sites * (field.length + (settle ? settle.limit : 0)));
  const random = preset.update === "random_subset";
  const lattice = latticeAtRest(sites, !random);
  const quarter = sites >> 2;
  const all = Uint16Array.from({ length: sites }, (_, s) => s);
  const none = new Uint16Array(0);
  let before = none;
  let steps = 0;

  function advance(value) {
    let rows = all;
    if (random && steps === 0) rows = none;
    if (random && steps > 1) rows = subsets.subarray((steps - 2) * quarter, (steps - 1) * quarter);
    computeChange(lattice, c, local, value, rows);
    move(lattice, rows, before);
    before = rows;
    keepFrame(frames, steps, lattice, sites);
    steps += 1;
  }

  function atRest() {
    computeChange(lattice, c, local, last, all);
    const [gx, gy] = lattice.change;
    let most = 0;
    for (let s = 0; s < sites; s++) most = Math.max(most, Math.abs(gx[s]), Math.abs(gy[s]));
    return most / preset.dt < settle.tolerance;
  }

  const last = field[field.length - 1];
  field.forEach(advance);
  let settled = true;
  if (settle) {
    settled = atRest();
    for (let more = settle.chunk; !settled && more <= settle.limit; more += settle.chunk) {
      for (let n = 0; n < settle.chunk; n++) advance(last);
      settled = atRest();
    }
  }
  const finite = lattice.p.every((part) => part.every(Number.isFinite));
  return { frames, steps, field, finite, settled, sites };
}

let kept = new Float32Array(0);

/** Return room for frames, the same again where it suffices, because clearing megabytes takes longer than a step. */
function frameBuffer(size) {
  if (kept.length < size) kept = new Float32Array(size);
  return kept;
}
