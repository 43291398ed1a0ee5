// What the user does: pointer, keyboard, controls.

let drawing = null; // the last sample and value of a field that is being drawn
let keptLimit = null; // the limit of the field's axis while it is drawn on, so that the pointer stays on the line

/** Choose the point under the pointer. */
function choosePlace(event) {
  const canvas = element("plane");
  const { width, height } = canvas.getBoundingClientRect();
  const area = planeArea(page, width, height);
  const [x, y] = placeOn(canvas, event);
  choose([area.x(x), area.y(y), state.z[2]].slice(0, page.axes.length));
}

/** Choose with the pointer down, and on while it moves. */
function listenToPlane() {
  const canvas = element("plane");
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    choosePlace(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) choosePlace(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const axis = { ArrowLeft: 0, ArrowRight: 0, ArrowDown: 1, ArrowUp: 1 }[event.key];
    if (axis !== undefined && axis < page.axes.length) {
      const sign = event.key === "ArrowRight" || event.key === "ArrowUp" ? 1 : -1;
      const z = [...state.z];
      z[axis] += sign * (event.shiftKey ? 5 : 1) * page.axes[axis].step;
      choose(z);
      event.preventDefault();
    } else if (event.key === " " && page.simulator) {
      toggle("time");
      event.preventDefault();
    }
  });
}

/** Draw a field of one's own on the picture of the history. */
function listenToHistory() {
  const canvas = element("history");
  function drawTo(event) {
    const { width, height } = canvas.getBoundingClientRect();
    const shown = { history: results.history, duration: results.history.length + state.settings.hold, limit: keptLimit };
    const [area] = historyAreas(page, shown, width, height);
    const [x, y] = placeOn(canvas, event);
    const scale = page.simulator.presets[0].field_scale;
    state.own = Float32Array.from(results.history);
    drawing = drawField(state.own, drawing, [area.x(x), area.y(y) / scale]);
    request("history");
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    keptLimit = fieldLimit(page, results.history);
    drawTo(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drawing) drawTo(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      drawing = keptLimit = null;
      request("history");
    });
  }
}

/** Call a function when a control changes, and ask for parts of the page. */
function onChange(id, change, ...parts) {
  element(id).addEventListener("input", (event) => {
    change(event.target);
    request("words", ...parts);
  });
}

/** Call a function when a button is pressed, and ask for parts of the page. */
function onPress(id, press, ...parts) {
  element(id).addEventListener("click", () => {
    press();
    request("words", ...parts);
  });
}

/** Listen to the controls of the plane. */
function listenToMaps() {
  onChange("layer", (select) => (state.layer = select.value === "" ? null : Number(select.value)), "plane");
  onChange("campaign", (select) => chooseCampaign(page, state, Number(select.value)), "plane");
  onChange("slice", (slider) => {
    state.slice = Number(slider.value);
    choose([...state.z.slice(0, 2), page.axes[2].first + page.axes[2].step * state.slice]);
  });
  onChange("shown", (slider) => {
    state.shown = Number(slider.value);
    state.playing = null;
  }, "plane");
  onChange("show-support", (box) => (state.support = box.checked), "plane");
  onChange("show-points", (box) => (state.points = box.checked), "plane");
  onPress("play-campaign", () => toggle("campaign"));
  onPress("go-cell", () => chooseCell(nearestCell(page, page.cellAt, state.z)));
  onPress("go-map", () => chooseCell(largest(valuesOf(page, state) || page.layers[0]?.values || [])));
  onPress("go-found", () => chooseCell(bestAsked(page.campaigns[state.campaign])));
}

/** Return the key of the subsets that the controls choose. */
function chosenKey() {
  const { value } = element("subset");
  return value === "seed" ? keyOf(Math.max(0, Math.floor(Number(element("seed").value) || 0))) : page.simulator.subsets[value].key;
}

/** Listen to the controls of the simulation. */
function listenToSimulation() {
  const { settings } = state;
  onChange("preset", (select) => {
    settings.preset = Number(select.value);
    const map = page.layers.findIndex(({ kind, title }) => kind === "truth" && title === page.simulator.presets[settings.preset].truth);
    if (map >= 0 && page.layers[state.layer]?.kind === "truth") element("layer").value = state.layer = map;
  }, "history");
  for (const id of ["subset", "seed"]) onChange(id, () => (settings.subset = chosenKey()), "history");
  for (const id of ["hold", "coupling", "depolarization"]) {
    onChange(id, (slider) => (settings[id] = Number(slider.value)), "history");
  }
  onChange("defects", (box) => (settings.defects = box.checked), "history");
  onChange("frame", (slider) => {
    state.frame = slider.value === slider.max ? Infinity : Number(slider.value);
    state.playing = null;
  }, "frame");
  onPress("play-time", () => toggle("time"));
  onPress("back", () => (state.own = null), "history");
  onPress("reset", () => {
    element("subset").value = 0;
    Object.assign(settings, settingsOf(page, settings.preset));
  }, "history");
}

readColours();
fillControls(page, state);
listenToPlane();
listenToMaps();
if (page.simulator) {
  listenToHistory();
  listenToSimulation();
}
window.addEventListener("resize", () => request("plane", "frame"));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  request("plane", "frame");
});
request("history");
