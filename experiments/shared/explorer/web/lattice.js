// The lattice at one step: polarization as arrows and colour, its curl, and the sum of |curl| over time.

const OPACITY = 0.85; // of the colour of the longest arrow

/** Return the area of the lattice on its canvas; x points right, as in the figures of the report. */
function latticeArea(preset, width, height) {
  const size = Math.min(width - 54 - 72, height - 8 - 38);
  const [rows, columns] = preset.shape;
  const [across, upwards] = preset.curl_x_axis === "row" ? [rows, columns] : [columns, rows];
  const box = [54 + Math.max(0, (width - 126 - size) / 2), 8, size, (size * upwards) / across];
  return areaOf(box, [-0.5, across - 0.5], [-0.5, upwards - 0.5]);
}

/** Return the place of a site in the picture: to the right along x, upwards along y. */
function placeOfSite(preset, site) {
  const [row, column] = [Math.floor(site / preset.shape[1]), site % preset.shape[1]];
  return preset.curl_x_axis === "row" ? [row, column] : [column, row];
}

/** Return values of sites in the order of a picture's pixels, row by row from the top. */
function asPicture(preset, values) {
  const [rows, columns] = preset.shape;
  const [across, upwards] = preset.curl_x_axis === "row" ? [rows, columns] : [columns, rows];
  const pixels = new Float64Array(values.length);
  for (let s = 0; s < values.length; s++) {
    const [x, y] = placeOfSite(preset, s);
    pixels[(upwards - 1 - y) * across + x] = values[s];
  }
  return [pixels, across, upwards];
}

/** Draw the axes of the lattice with the names of its indices. */
function drawLatticeAxes(context, area, preset) {
  const row = preset.curl_x_axis === "row";
  drawAxes(context, area, row ? "row i (x)" : "column j (x)", row ? "column j (y)" : "row i (y)");
}

/** Draw an arrow at every site; its colour is the direction, its strength the length over `longest`. */
function drawPolarization(canvas, preset, frame, longest, map) {
  const { context, width, height } = cleared(canvas);
  const area = latticeArea(preset, width, height);
  const sites = frame.length / 2;
  const cell = area.width / (area.xRange[1] - area.xRange[0]);
  const turns = new Float64Array(sites);
  const strengths = new Float64Array(sites);
  for (let s = 0; s < sites; s++) {
    turns[s] = Math.atan2(frame[sites + s], frame[s]) / (2 * Math.PI) + 0.5;
    strengths[s] = (OPACITY * Math.hypot(frame[s], frame[sites + s])) / longest;
  }
  const [pixels, across, upwards] = asPicture(preset, turns);
  drawPicture(context, area, pictureOf(pixels, across, upwards, [0, 1], map, asPicture(preset, strengths)[0]));
  context.beginPath();
  for (let s = 0; s < sites; s++) {
    const place = placeOfSite(preset, s);
    addArrow(context, area.px(place[0]), area.py(place[1]), (cell * frame[s]) / longest, (-cell * frame[sites + s]) / longest);
  }
  context.strokeStyle = colours.arrow;
  context.lineWidth = 1;
  context.stroke();
  drawLatticeAxes(context, area, preset);
  const bar = [area.left + area.width + 8, area.top, 12, area.height];
  const directions = [[-180, "←"], [-90, "↓"], [0, "→"], [90, "↑"], [180, "←"]];
  drawBar(context, bar, [-180, 180], map, "direction of P", directions);
}

/** Add an arrow of the given length to the path, its middle at a point. */
function addArrow(context, x, y, dx, dy) {
  const [endX, endY] = [x + dx / 2, y + dy / 2];
  edge(context, x - dx / 2, y - dy / 2, dx, dy);
  if (Math.hypot(dx, dy) < 3) return;
  for (const side of [-1, 1]) edge(context, endX, endY, -0.3 * dx + side * 0.2 * dy, -0.3 * dy - side * 0.2 * dx);
}

/** Draw the curl of every site; colours span ±limit. */
function drawCurl(canvas, preset, curl, limit, map) {
  const { context, width, height } = cleared(canvas);
  const area = latticeArea(preset, width, height);
  const [pixels, across, upwards] = asPicture(preset, curl);
  drawPicture(context, area, pictureOf(pixels, across, upwards, [-limit, limit], map));
  drawLatticeAxes(context, area, preset);
  drawBar(context, [area.left + area.width + 8, area.top, 12, area.height], [-limit, limit], map, "curl P (model units)");
}

/** Draw the sum of |curl| over time, the held steps shaded, the shown step marked, the map's value as a line. */
function drawSums(canvas, sums, shown, known) {
  const { context, width, height } = cleared(canvas);
  const most = 1.06 * Math.max(rangeOf(sums)[1], known ?? 0);
  const area = areaOf([54, 8, width - 54 - 12, height - 8 - 38], [0, Math.max(sums.length, shown.duration)], [0, most || 1]);
  context.fillStyle = colours.hold;
  const start = area.px(shown.duration - shown.hold);
  context.fillRect(start, area.top, area.left + area.width - start, area.height);
  if (known !== null) {
    context.setLineDash([5, 4]);
    context.strokeStyle = colours.soft;
    mark(context, area.left, area.py(known), area.width, 0);
    context.setLineDash([]);
  }
  drawAxes(context, area, known === null ? "step" : "step (dashed: value of the map)", "Σ|curl P|");
  drawLine(context, area, sums, 1, colours.accent);
  drawNow(context, area, shown.frame);
}

/** Return the longest arrow and the largest |curl| of a simulation, from every twentieth frame and the last one. */
function extremesOf(simulated, table) {
  const { frames, steps, sites } = simulated;
  const curl = new Float64Array(sites);
  let longest = 0;
  let limit = 0;
  for (let n = steps - 1; n >= 0; n -= 20) {
    curlOf(frames, n, table, curl);
    for (let s = 0; s < sites; s++) {
      const x = frames[2 * sites * n + s];
      const y = frames[2 * sites * n + sites + s];
      longest = Math.max(longest, x * x + y * y);
      limit = Math.max(limit, Math.abs(curl[s]));
    }
  }
  return { longest: Math.sqrt(longest) || 1, limit: limit || 1 };
}
