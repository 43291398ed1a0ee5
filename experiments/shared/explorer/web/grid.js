// Cells of the latent space: a regular grid of one, two or three latents, of which some cells may be absent.

/** Return the latents of a cell. */
function latentsOf(page, cell) {
  let place = page.place[cell];
  const z = [];
  for (let axis = page.axes.length - 1; axis >= 0; axis--) {
    const { first, step, count } = page.axes[axis];
    z[axis] = first + step * (place % count);
    place = Math.floor(place / count);
  }
  return z;
}

/** Return the range of an axis, from the first cell's edge to the last one's. */
function edgesOf(axis) {
  return [axis.first - axis.step / 2, axis.first + axis.step * (axis.count - 0.5)];
}

/** Return the cell of each place of the whole grid, -1 where there is none. */
function cellsByPlace(page) {
  const cells = new Int32Array(page.axes.reduce((product, axis) => product * axis.count, 1)).fill(-1);
  page.place.forEach((place, cell) => {
    cells[place] = cell;
  });
  return cells;
}

/** Return the cell nearest to a point, distances counted in cells along each axis; `cells` are those of its place. */
function nearestCell(page, cells, z) {
  let place = 0;
  page.axes.forEach(({ first, step, count }, axis) => {
    place = place * count + Math.min(count - 1, Math.max(0, Math.round((z[axis] - first) / step)));
  });
  if (cells[place] >= 0) return cells[place];
  let best = 0;
  let least = Infinity;
  for (let cell = 0; cell < page.place.length; cell++) {
    const distance = distanceTo(page, cell, z);
    if (distance < least) [best, least] = [cell, distance];
  }
  return best;
}

/** Return the distance of a point from a cell, in cells along each axis. */
function distanceTo(page, cell, z) {
  return Math.hypot(...latentsOf(page, cell).map((value, axis) => (value - z[axis]) / page.axes[axis].step));
}

/** Return width and height of the plane in cells: the first two latents; one latent makes a plane of one row. */
function planeSize(page) {
  return [page.axes[0].count, page.axes.length > 1 ? page.axes[1].count : 1];
}

/** Return for each place of the plane, row by row from the top, the cell there, -1 where there is none.
 *
 * The plane shows the first two latents; `slice` is the place along the third. */
function cellsOfPlane(page, slice) {
  const [width, height] = planeSize(page);
  const third = page.axes.length > 2 ? page.axes[2].count : 1;
  const cells = new Int32Array(width * height).fill(-1);
  for (let cell = 0; cell < page.place.length; cell++) {
    const place = page.place[cell];
    if (third > 1 && place % third !== slice) continue;
    const flat = Math.floor(place / third);
    const row = height - 1 - (flat % height);
    cells[row * width + Math.floor(flat / height)] = cell;
  }
  return cells;
}
