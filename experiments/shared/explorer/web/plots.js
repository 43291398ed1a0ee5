// Drawing on a canvas: axes with ticks and labels, lines, pictures of values, colour bars. Lengths are CSS pixels.

const LETTERS = "12px system-ui, sans-serif";

const colours = {};
const ramps = new Map();

/** Read the page's colours again, for the light or the dark scheme. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "paper", "soft", "line", "accent", "mark", "hold", "arrow", "panel"]) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

/** Return an empty canvas to draw on: its context, width and height, at the resolution of the screen. */
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = LETTERS;
  return { context, width, height };
}

/** Return about `count` round numbers from low to high. */
function ticksOf(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) ticks.push(n * step);
  return ticks;
}

/** Return a number as a short text with a true minus sign. */
function short(value, digits = 4) {
  if (!Number.isFinite(value)) return "none";
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e+", "e");
}

/** Return an area of a canvas with scales: `px(x)` and `py(y)` are pixels, `x(px)` and `y(py)` the way back. */
function areaOf(box, xRange, yRange) {
  const [left, top, width, height] = box;
  const spanX = xRange[1] - xRange[0] || 1;
  const spanY = yRange[1] - yRange[0] || 1;
  return {
    left, top, width, height, xRange, yRange,
    px: (x) => left + ((x - xRange[0]) / spanX) * width,
    py: (y) => top + height - ((y - yRange[0]) / spanY) * height,
    x: (px) => xRange[0] + ((px - left) / width) * spanX,
    y: (py) => yRange[0] + ((top + height - py) / height) * spanY,
  };
}

/** Draw the frame of an area with ticks and labels; an axis without a label gets no ticks. */
function drawAxes(context, area, xLabel, yLabel) {
  const { left, top, width, height } = area;
  context.strokeStyle = colours.soft;
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  context.fillStyle = colours.ink;
  context.textAlign = "center";
  context.textBaseline = "top";
  if (xLabel) {
    for (const tick of ticksOf(...area.xRange, width / 55)) {
      mark(context, area.px(tick), top + height, 0, 4);
      context.fillText(short(tick), area.px(tick), top + height + 6);
    }
    context.fillText(xLabel, left + width / 2, top + height + 20);
  }
  if (!yLabel) return;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticksOf(...area.yRange, height / 28)) {
    mark(context, left, area.py(tick), -4, 0);
    context.fillText(short(tick), left - 6, area.py(tick));
  }
  upright(context, yLabel, left - 44, top + height / 2);
}

/** Draw a short line from a point. */
function mark(context, x, y, dx, dy) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  context.stroke();
}

/** Write a text that reads upwards, its middle at a point. */
function upright(context, text, x, y) {
  context.save();
  context.translate(x, y);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, 0, 0);
  context.restore();
}

/** Draw values at x = 0, 1, 2, … times `step` as a line. */
function drawLine(context, area, values, step, colour, width = 1.6) {
  context.save();
  context.beginPath();
  context.rect(area.left, area.top, area.width, area.height);
  context.clip();
  context.beginPath();
  for (let i = 0; i < values.length; i++) {
    if (i === 0) context.moveTo(area.px(0), area.py(values[0]));
    else context.lineTo(area.px(i * step), area.py(values[i]));
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.stroke();
  context.restore();
}

/** Return a picture of one pixel per value, row by row from the top; values that are not finite are clear, the others
 * as solid as `opacities` say. */
function pictureOf(values, width, height, range, map, opacities = null) {
  const picture = new OffscreenCanvas(width, height);
  const context = picture.getContext("2d");
  const image = context.createImageData(width, height);
  const span = range[1] - range[0] || 1;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    const at = 3 * Math.min(255, Math.max(0, Math.floor((256 * (values[i] - range[0])) / span)));
    const solid = opacities ? Math.round(255 * Math.min(1, opacities[i])) : 255;
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = map[at + k];
    image.data[4 * i + 3] = solid;
  }
  context.putImageData(image, 0, 0);
  return picture;
}

/** Draw a picture over the whole of an area, its pixels sharp. */
function drawPicture(context, area, picture) {
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, area.left, area.top, area.width, area.height);
}

/** Return the picture of a colour map, its end on top; drawn once for each map. */
function rampOf(map) {
  if (!ramps.has(map)) {
    const values = Float64Array.from({ length: 256 }, (_, i) => 255 - i);
    ramps.set(map, pictureOf(values, 1, 256, [0, 256], map));
  }
  return ramps.get(map);
}

/** Draw a bar of a colour map with its range; `texts` are [value, text] in place of ticks. */
function drawBar(context, box, range, map, label, texts = null) {
  const area = areaOf(box, [0, 1], range);
  drawPicture(context, area, rampOf(map));
  context.strokeStyle = colours.soft;
  context.lineWidth = 1;
  context.strokeRect(area.left + 0.5, area.top + 0.5, area.width - 1, area.height - 1);
  context.fillStyle = colours.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const marks = texts || ticksOf(...range, area.height / 40).map((tick) => [tick, short(tick, 3)]);
  const right = area.left + area.width;
  for (const [value, text] of marks) context.fillText(text, right + 4, area.py(value));
  upright(context, label, right + 42, area.top + area.height / 2);
}

/** Return where a pointer is on a canvas, CSS pixels. */
function placeOn(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
