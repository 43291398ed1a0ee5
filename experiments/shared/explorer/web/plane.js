// The latent plane: a map, the support, what a campaign asked, and the chosen point.

const NEWEST = 8; // evaluations that are shown larger, because they are the last ones

/** Return the area of the plane on its canvas; the bar of colours stands to the right of it. */
function planeArea(page, width, height) {
  const box = [54, 8, width - 54 - 72, height - 8 - 38];
  const second = page.axes.length > 1 ? edgesOf(page.axes[1]) : [-0.5, 0.5];
  return areaOf(box, edgesOf(page.axes[0]), second);
}

/** Return the values of a layer, the acquisition's computed from mean and standard deviation. */
function valuesOf(page, state) {
  const layer = state.layer === null ? null : page.layers[state.layer];
  if (!layer || layer.kind !== "acquisition") return layer ? layer.values : null;
  const { kappa, cells } = page.campaigns[layer.campaign];
  const values = layer.mean.map((mean, cell) => mean + kappa * layer.std[cell]);
  for (const cell of cells) values[cell] = NaN; // none is asked twice
  return values;
}

/** Return the picture of the chosen layer with its range and cells, made anew only when the choice changes. */
function planePicture(page, state, cache) {
  const key = `${state.layer} ${state.slice}`;
  if (cache.key === key) return cache;
  const values = valuesOf(page, state);
  const cells = cellsOfPlane(page, state.slice);
  const layer = page.layers[state.layer];
  const range = layer && layer.kind === "probability" ? [0, 1] : rangeOf(values || [0, 1]);
  const shown = Float64Array.from(cells, (cell) => (cell < 0 || !values ? NaN : values[cell]));
  const picture = pictureOf(shown, ...planeSize(page), range, page.colours.sequential);
  return Object.assign(cache, { key, cells, range, picture });
}

/** Draw the plane: all but the chosen point only when it has changed, because a drag changes nothing else. */
function drawPlane(canvas, page, state, cache) {
  const { context, width, height } = cleared(canvas);
  if (!canvas.width || !canvas.height) return; // the window has no size yet
  const area = planeArea(page, width, height);
  const { layer, campaign, shown, slice, support, points } = state;
  const key = JSON.stringify([layer, campaign, shown, slice, support, points, canvas.width, canvas.height, colours.ink]);
  if (cache.groundKey !== key) {
    cache.groundKey = key;
    cache.ground = new OffscreenCanvas(canvas.width, canvas.height);
    const ground = cache.ground.getContext("2d");
    ground.setTransform(context.getTransform());
    ground.font = LETTERS;
    drawGround(ground, area, page, state, cache);
  }
  context.drawImage(cache.ground, 0, 0, width, height);
  drawChosen(context, area.px(state.z[0]), area.py(state.z.length > 1 ? state.z[1] : 0));
}

/** Draw the map, the support, the points, what was asked, the axes and the bar of colours. */
function drawGround(context, area, page, state, cache) {
  const layer = state.layer === null ? null : page.layers[state.layer];
  const { picture, range, cells } = planePicture(page, state, cache);
  drawCells(context, area, cells, planeSize(page));
  if (layer) drawPicture(context, area, picture);
  if (state.support) drawOutline(context, area, page, cells);
  if (state.points) drawPoints(context, area, page, state);
  drawAxes(context, area, "latent z₁", page.axes.length > 1 ? "latent z₂" : "");
  const bar = [area.left + area.width + 8, area.top, 12, area.height];
  const asked = page.campaigns[state.campaign];
  if (layer) drawBar(context, bar, range, page.colours.sequential, layer.unit || layer.title);
  else if (asked) drawBar(context, bar, [1, asked.cells.length], page.colours.sequential, "evaluation");
  if (asked) drawAsked(context, area, page, state, !layer);
}

/** Draw the ground of the cells, which shows where a map has no value. */
function drawCells(context, area, cells, [columns, rows]) {
  context.fillStyle = colours.hold;
  const [width, height] = [area.width / columns, area.height / rows];
  cells.forEach((cell, n) => {
    if (cell >= 0) {
      const [left, top] = [(n % columns) * width, Math.floor(n / columns) * height];
      context.fillRect(area.left + left, area.top + top, width + 0.5, height + 0.5);
    }
  });
}

/** Draw the edges between cells inside the support and others. */
function drawOutline(context, area, page, cells) {
  const [columns, rows] = planeSize(page);
  const inside = (column, row) =>
    column >= 0 && row >= 0 && column < columns && row < rows && cells[row * columns + column] >= 0 &&
    page.support[cells[row * columns + column]] > 0;
  const [width, height] = [area.width / columns, area.height / rows];
  context.beginPath();
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!inside(column, row)) continue;
      const [x, y] = [area.left + column * width, area.top + row * height];
      if (!inside(column - 1, row)) edge(context, x, y, 0, height);
      if (!inside(column + 1, row)) edge(context, x + width, y, 0, height);
      if (!inside(column, row - 1)) edge(context, x, y, width, 0);
      if (!inside(column, row + 1)) edge(context, x, y + height, width, 0);
    }
  }
  twice(context, "#fff", 1.4);
}

/** Add an edge to the path. */
function edge(context, x, y, dx, dy) {
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
}

/** Stroke the path in a colour over a darker one, so that it shows on any ground. */
function twice(context, colour, width) {
  context.strokeStyle = "#10141acc";
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** Return whether a point belongs to the shown part of the third latent, where there is one. */
function inSlice(page, state, third) {
  const axis = page.axes[2];
  return !axis || Math.round((third - axis.first) / axis.step) === state.slice;
}

/** Draw the places of all points that are not cells, such as the histories of the file. */
function drawPoints(context, area, page, state) {
  const latents = page.axes.length;
  context.save();
  context.beginPath();
  context.rect(area.left, area.top, area.width, area.height);
  context.clip();
  for (const { z, title } of page.points) {
    const [size, colour] = title === "asked next" ? [8, "#ffb000"] : [1.6, "#fff"];
    for (const [side, fill] of [[size + 1.6, "#10141a"], [size, colour]]) {
      context.fillStyle = fill;
      for (let n = 0; n < z.length; n += latents) {
        if (!inSlice(page, state, z[n + 2])) continue;
        const y = latents > 1 ? z[n + 1] : 0;
        context.fillRect(area.px(z[n]) - side / 2, area.py(y) - side / 2, side, side);
      }
    }
  }
  context.restore();
}

/** Draw the evaluations of a campaign up to the one that the slider shows; `byOrder` colours them. */
function drawAsked(context, area, page, state, byOrder) {
  const { cells, marks } = page.campaigns[state.campaign];
  for (let n = 0; n < state.shown; n++) {
    const z = latentsOf(page, cells[n]);
    if (!inSlice(page, state, z[2])) continue;
    const [x, y] = [area.px(z[0]), area.py(z.length > 1 ? z[1] : 0)];
    const newest = state.shown < cells.length && n >= state.shown - NEWEST;
    drawEvaluation(context, x, y, marks[n], newest, byOrder ? orderColour(page, n, cells.length) : "#fff");
  }
}

/** Return the colour of evaluation n of `count`. */
function orderColour(page, n, count) {
  const at = 3 * Math.floor((255 * n) / Math.max(1, count - 1));
  return `rgb(${page.colours.sequential.subarray(at, at + 3).join(" ")})`;
}

/** Draw one evaluation: a dot; hollow beyond a limit; a cross where it failed. */
function drawEvaluation(context, x, y, kind, newest, fill) {
  const size = newest ? 4.5 : 2.6;
  context.beginPath();
  if (kind === 2) {
    for (const sign of [-1, 1]) edge(context, x - size, y - sign * size, 2 * size, 2 * sign * size);
    twice(context, colours.mark, 1.6);
    return;
  }
  context.arc(x, y, size, 0, 7);
  if (kind === 1) {
    twice(context, colours.mark, 1.4);
    return;
  }
  context.fillStyle = newest ? "#ffb000" : fill;
  context.fill();
  context.strokeStyle = "#10141a";
  context.lineWidth = 0.8;
  context.stroke();
}

/** Draw the chosen point. */
function drawChosen(context, x, y) {
  context.beginPath();
  context.arc(x, y, 8, 0, 7);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) edge(context, x + 5 * dx, y + 5 * dy, 9 * dx, 9 * dy);
  twice(context, "#ff4d6d", 2);
}
