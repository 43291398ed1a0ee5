// The history: field over time for FerroSIM, the channels of another process; drawn on with the mouse for the former.

const LARGEST_DRAWN = 1.25; // largest field that can be drawn, in units of the largest trained one

/** Return the area of each channel on the history's canvas, one below another. */
function historyAreas(page, shown, width, height) {
  const channels = page.decoder.channels;
  const each = (height - 8 - 38) / channels.length;
  return channels.map((channel, n) => {
    const top = 8 + n * each;
    const range = page.simulator ? fieldRange(page, shown) : channelRange(shown.history, n, channels);
    return areaOf([54, top, width - 54 - 12, each - (n < channels.length - 1 ? 10 : 0)], [0, shown.duration], range);
  });
}

/** Return the range of the field's axis, in coercive fields: that of the history, or the one kept during a drawing. */
function fieldRange(page, shown) {
  const limit = shown.limit || fieldLimit(page, shown.history);
  return [-limit, limit];
}

/** Return the range of a channel's axis: its bounds, or its values where there are none. */
function channelRange(history, n, channels) {
  const { low, high } = channels[n];
  const [least, most] = rangeOf(history.filter((_, i) => i % channels.length === n));
  const range = [low ?? least, high ?? most];
  const margin = 0.05 * (range[1] - range[0] || 1);
  return [range[0] - margin, range[1] + margin];
}

/** Draw the history; `shown` has its values, duration and, for FerroSIM, the frame and the number of held steps. */
function drawHistory(canvas, page, shown) {
  const { context, width, height } = cleared(canvas);
  const channels = page.decoder.channels;
  historyAreas(page, shown, width, height).forEach((area, n) => {
    const last = n === channels.length - 1;
    const time = page.simulator ? "step" : `time${page.decoder.time_unit ? ` (${page.decoder.time_unit})` : ""}`;
    if (page.simulator) drawHeld(context, area, shown);
    const { name, unit } = channels[n];
    const label = page.simulator ? "field Eₓ (Ec)" : `${name || "value"}${unit ? ` (${unit})` : ""}`;
    drawAxes(context, area, last ? time : "", label);
    const scale = page.simulator ? page.simulator.presets[0].field_scale : 1;
    const values = shown.history.filter((_, i) => i % channels.length === n).map((value) => scale * value);
    const step = page.simulator ? 1 : shown.duration / Math.max(1, values.length - 1);
    drawLine(context, area, values, step, colours.accent);
    if (page.simulator) drawFlat(context, area, values);
    if (page.simulator) drawNow(context, area, shown.frame);
  });
}

/** Shade the steps in which the field is held at its last value. */
function drawHeld(context, area, shown) {
  const start = area.px(shown.duration - shown.hold);
  context.fillStyle = colours.hold;
  context.fillRect(start, area.top, area.left + area.width - start, area.height);
}

/** Draw the last value on to the end of the area. */
function drawFlat(context, area, values) {
  const y = area.py(values[values.length - 1]);
  context.strokeStyle = colours.accent;
  context.lineWidth = 1.6;
  if (y >= area.top && y <= area.top + area.height) mark(context, area.px(values.length - 1), y, area.left + area.width - area.px(values.length - 1), 0);
}

/** Draw the line of the shown step. */
function drawNow(context, area, frame) {
  context.strokeStyle = colours.mark;
  context.lineWidth = 1.4;
  mark(context, Math.min(area.px(frame), area.left + area.width), area.top, 0, area.height);
}

/** Set the samples of a field between two places of the pointer; returns the sample and value of the second. */
function drawField(field, from, to) {
  const clamp = (value) => Math.min(LARGEST_DRAWN, Math.max(-LARGEST_DRAWN, value));
  const end = [Math.min(field.length - 1, Math.max(0, Math.round(to[0]))), clamp(to[1])];
  const start = from || end;
  const count = Math.abs(end[0] - start[0]);
  for (let n = 0; n <= count; n++) {
    const share = count ? n / count : 1;
    field[Math.round(start[0] + share * (end[0] - start[0]))] = start[1] + share * (end[1] - start[1]);
  }
  return end;
}
