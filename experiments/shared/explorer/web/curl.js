// The curl of a polarization field, dpy/dx - dpx/dy by central differences, as ferro_jax.curl.

/** Return (site, 2) the sites ahead and behind along one axis of the array, and the weight of their difference. */
function differencesAlong(shape, axis, boundary) {
  const [rows, columns] = shape;
  const pairs = new Uint16Array(2 * rows * columns);
  const weight = new Float64Array(rows * columns);
  const size = shape[axis];
  const stride = axis === 0 ? columns : 1;
  for (let s = 0; s < rows * columns; s++) {
    const place = axis === 0 ? Math.floor(s / columns) : s % columns;
    let ahead = place + 1;
    let behind = place - 1;
    if (boundary === "periodic") {
      ahead %= size;
      behind = (behind + size) % size;
      weight[s] = 0.5;
    } else {
      ahead = Math.min(ahead, size - 1); // one-sided at an edge
      behind = Math.max(behind, 0);
      weight[s] = 1 / (ahead - behind);
    }
    pairs[2 * s] = s + (ahead - place) * stride;
    pairs[2 * s + 1] = s + (behind - place) * stride;
  }
  return { pairs, weight };
}

/** Return the differences that the curl of a preset takes: of py along x and of px along y. */
function curlTable(preset) {
  const axis = preset.curl_x_axis === "column" ? 1 : 0;
  return [
    differencesAlong(preset.shape, axis, preset.curl_boundary),
    differencesAlong(preset.shape, 1 - axis, preset.curl_boundary),
  ];
}

/** Write the curl of a frame (component, site) into `out`, and return the sum of its absolute values. */
function curlOf(frame, table, out) {
  const [alongX, alongY] = table;
  const sites = alongX.weight.length;
  let sum = 0;
  for (let s = 0; s < sites; s++) {
    const up = frame[sites + alongX.pairs[2 * s]] - frame[sites + alongX.pairs[2 * s + 1]];
    const across = frame[alongY.pairs[2 * s]] - frame[alongY.pairs[2 * s + 1]];
    out[s] = up * alongX.weight[s] - across * alongY.weight[s];
    sum += Math.abs(out[s]);
  }
  return sum;
}

/** Return the sum of |curl| of every frame of a simulation. */
function sumsOfCurl(simulated, table) {
  const { frames, steps, sites } = simulated;
  const scratch = new Float64Array(sites);
  const sums = new Float64Array(steps);
  for (let n = 0; n < steps; n++) {
    sums[n] = curlOf(frames.subarray(2 * sites * n, 2 * sites * (n + 1)), table, scratch);
  }
  return sums;
}
