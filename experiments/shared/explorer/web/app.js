// The page at work: state, what is computed and drawn when it changes, and what the user does.

const PLAY_TIME = 6; // seconds of a whole simulation
const PLAY_CAMPAIGN = 12; // seconds of a whole campaign

const page = readyPage(JSON.parse(element("data").textContent));
const state = firstState(page);
const results = {}; // the history, and what its simulation gave
const planeCache = {};
const pending = new Set();
let scheduled = false;
let before = 0;

/** Return the state with which the page opens: the best that the first campaign found, or the best of the map. */
function firstState(page) {
  const values = page.layers.length ? page.layers[0].values : [];
  const found = page.campaigns.length ? bestAsked(page.campaigns[0]) : -1;
  const cell = found >= 0 ? found : Math.max(0, largest(values));
  return {
    z: latentsOf(page, cell),
    own: null,
    layer: page.layers.length ? 0 : null,
    campaign: 0,
    shown: 0,
    slice: page.axes.length > 2 ? Math.round((latentsOf(page, cell)[2] - page.axes[2].first) / page.axes[2].step) : 0,
    support: true,
    points: false,
    playing: null,
    frame: Infinity, // the last one
    settings: page.simulator ? settingsOf(page, 0) : null,
  };
}

/** Ask for parts to be done before the next picture: "history", "plane", "frame", "words". */
function request(...parts) {
  for (const part of parts) pending.add(part);
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(tick);
  }
}

/** Compute and draw what was asked for; words change last, because a canvas asks for its size, and the browser would
 * lay the page out anew for each of them. */
function tick(now) {
  const start = performance.now();
  scheduled = false;
  play(Math.min(0.1, (now - before) / 1000));
  before = now;
  if (pending.has("history")) {
    compute();
    pending.add("frame").add("plane").add("words");
  }
  if (pending.has("plane")) drawPlane(element("plane"), page, state, planeCache);
  if (pending.has("frame")) drawFrame();
  if (pending.has("words")) showControls(page, state);
  if (page.simulator && pending.has("frame")) showStep(results);
  results.pictureTime = performance.now() - start;
  if (pending.has("history")) {
    if (page.simulator) showResult(page, state, results);
    else showCell(page, state, results);
    showTimes(page, results);
  }
  pending.clear();
  if (state.playing) request();
}

/** Decode or take the drawn field, and simulate it. */
function compute() {
  const start = performance.now();
  const decoded = decode(page.decoder, state.z);
  results.history = state.own || decoded.history;
  results.duration = decoded.duration;
  if (page.simulator) {
    Object.assign(results, runSimulation(page, results.history, state.settings));
    Object.assign(results, extremesOf(results, results.table));
  }
  results.computeTime = performance.now() - start;
}

/** Draw the history and, for FerroSIM, the lattice at the shown step. */
function drawFrame() {
  if (!page.simulator) {
    drawHistory(element("history"), page, { history: results.history, duration: results.duration });
    return;
  }
  const { frames, steps, sites, preset, table, sums, longest, limit, history } = results;
  const frame = Math.min(steps - 1, Math.floor(state.frame));
  const { hold } = state.settings;
  const shown = { history, frame, hold, duration: history.length + hold, limit: keptLimit };
  const fields = frames.subarray(2 * sites * frame, 2 * sites * (frame + 1));
  const curl = new Float64Array(sites);
  curlOf(frames, frame, table, curl);
  results.shownFrame = frame;
  drawPolarization(element("polarization"), preset, fields, longest, page.colours.cyclic);
  drawCurl(element("curl"), preset, curl, limit, page.colours.diverging);
  drawHistory(element("history"), page, shown);
  const truth = state.own ? null : truthOf(page, state.settings.preset);
  drawSums(element("sums"), sums, shown, truth ? truth[nearestCell(page, page.cellAt, state.z)] : null);
}

/** Go on with what is playing, by so many seconds. */
function play(seconds) {
  if (state.playing === "time") {
    state.frame += (seconds / PLAY_TIME) * results.steps;
    if (state.frame >= results.steps - 1) [state.frame, state.playing] = [Infinity, null];
    pending.add("frame").add("words");
  } else if (state.playing === "campaign") {
    const count = page.campaigns[state.campaign].cells.length;
    state.progress += (seconds / PLAY_CAMPAIGN) * count;
    state.shown = Math.min(count, Math.floor(state.progress));
    if (state.shown === count) state.playing = null;
    pending.add("plane").add("words");
  }
}

/** Start or stop playing the simulation or the campaign; what has ended starts again. */
function toggle(what) {
  state.playing = state.playing === what ? null : what;
  if (state.playing === "time" && !(state.frame < results.steps - 1)) state.frame = 0;
  if (state.playing === "campaign") {
    if (state.shown >= page.campaigns[state.campaign].cells.length) state.shown = 0;
    state.progress = state.shown;
  }
  request("words");
}

/** Choose a point of the latent space, brought into the plane where it lies outside. */
function choose(z) {
  state.z = z.map((value, axis) => {
    const [low, high] = edgesOf(page.axes[axis]);
    return Math.min(high, Math.max(low, value));
  });
  state.own = null;
  request("history");
}

/** Choose a cell; in three latents the plane moves to it. */
function chooseCell(cell) {
  if (cell < 0) return;
  const z = latentsOf(page, cell);
  if (z.length > 2) state.slice = Math.round((z[2] - page.axes[2].first) / page.axes[2].step);
  choose(z);
}
