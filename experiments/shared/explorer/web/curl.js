// The curl of a polarization field, dpy/dx - dpx/dy by central differences, as ferro_jax.curl.

/** Return for each site the places ahead of it and behind it along one axis of the array, and their distance. */
function differencesAlong(shape, axis, boundary) {
  const [rows, columns] = shape;
  const size = shape[axis];
  const stride = axis === 0 ? columns : 1;
  return Array.from({ length: rows * columns }, (_, s) => {
    const place = axis === 0 ? Math.floor(s / columns) : s % columns;
    let ahead = place + 1;
    let behind = place - 1;
    let distance = 2;
    if (boundary === "periodic") {
      ahead %= size;
      behind = (behind + size) % size;
    } else {
      ahead = Math.min(ahead, size - 1); // one-sided at an edge
      behind = Math.max(behind, 0);
      distance = ahead - behind;
    }
    return [s + (ahead - place) * stride, s + (behind - place) * stride, distance];
  });
}

/** Return what the curl of a preset takes: of each site four places in a frame, ahead and behind for py along x and for
 * px along y, and two weights. */
function curlTable(preset) {
  const axis = preset.curl_x_axis === "column" ? 1 : 0;
  const alongX = differencesAlong(preset.shape, axis, preset.curl_boundary);
  const alongY = differencesAlong(preset.shape, 1 - axis, preset.curl_boundary);
  const sites = alongX.length;
  const places = new Uint16Array(4 * sites);
  const weights = new Float64Array(2 * sites);
  for (let s = 0; s < sites; s++) {
    const [x, y] = [alongX[s], alongY[s]];
    places.set([sites + x[0], sites + x[1], y[0], y[1]], 4 * s);
    weights.set([1 / x[2], 1 / y[2]], 2 * s);
  }
  return { sites, places, weights };
}

/** Write the curl of frame `number` into `out`, and return the sum of its absolute values. */
function curlOf(frames, number, table, out) {
  const { sites, places, weights } = table;
  const start = 2 * sites * number;
  let sum = 0;
  for (let s = 0; s < sites; s++) {
    const up = frames[start + places[4 * s]] - frames[start + places[4 * s + 1]];
    const across = frames[start + places[4 * s + 2]] - frames[start + places[4 * s + 3]];
    const value = up * weights[2 * s] - across * weights[2 * s + 1];
    out[s] = value;
    sum += Math.abs(value);
  }
  return sum;
}

/** Return the sum of |curl| of every frame of a simulation. */
function sumsOfCurl(simulated, table) {
  const out = new Float64Array(table.sites);
  return Float64Array.from({ length: simulated.steps }, (_, n) => curlOf(simulated.frames, n, table, out));
}
