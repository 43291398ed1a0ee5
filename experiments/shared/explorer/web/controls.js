// Selects, sliders and buttons: what they say, and what they change in the state.

/** Return an element by its id. */
function element(id) {
  return document.getElementById(id);
}

/** Fill a select with [value, text] and choose one. */
function fillSelect(id, options, chosen) {
  const select = element(id);
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, String(value) === String(chosen))));
}

/** Fill the select of maps: those that belong to nobody, and those of the chosen campaign. */
function fillLayers(page, state) {
  const options = page.layers
    .map((layer, number) => [number, layer])
    .filter(([, layer]) => layer.campaign === null || layer.campaign === state.campaign)
    .map(([number, layer]) => [number, `${layer.kind === "truth" ? "truth: " : ""}${layer.title}`]);
  fillSelect("layer", [...options, ["", "no map: order of the evaluations"]], state.layer ?? "");
}

/** Choose a campaign, and of its maps the one of the kind that was shown. */
function chooseCampaign(page, state, number) {
  const before = page.layers[state.layer];
  state.campaign = number;
  state.shown = page.campaigns[number].cells.length;
  if (before && before.campaign !== null && before.campaign !== number) {
    const same = page.layers.findIndex(({ kind, campaign }) => kind === before.kind && campaign === number);
    state.layer = same < 0 ? null : same;
  }
  fillLayers(page, state);
  element("shown").max = state.shown;
}

/** Set up everything that does not change while the page is used. */
function fillControls(page, state) {
  document.title = `Explorer · ${page.title}`;
  element("title").textContent = page.title;
  element("about").textContent = page.about;
  const points = page.points.filter(({ z }) => z.length);
  element("points-label").hidden = !points.length;
  element("points-words").textContent = points.map(({ title }) => title).join("; ");
  const out = page.left_out;
  element("left-out").textContent = out.length ? `Left out, because the page would be too large: ${out.join(", ")}.` : "";
  element("campaign-label").hidden = page.campaigns.length < 2;
  element("asked").hidden = !page.campaigns.length;
  element("go-found").hidden = !page.campaigns.length;
  element("go-map").hidden = !page.layers.length;
  fillSelect("campaign", page.campaigns.map(({ title }, number) => [number, title]), 0);
  if (page.campaigns.length) chooseCampaign(page, state, 0);
  else fillLayers(page, state);
  element("slice-label").hidden = page.axes.length < 3;
  if (page.axes.length > 2) element("slice").max = page.axes[2].count - 1;
  element("history-title").textContent = page.simulator ? "Field history" : "History";
  element("drawing").hidden = !page.simulator;
  element("history").classList.toggle("drawable", Boolean(page.simulator));
  document.querySelector("main").classList.toggle("plain", !page.simulator);
  element("keys").textContent =
    `Keyboard: Tab to the plane; arrow keys move the point by a cell, with Shift by five${page.simulator ? ", Space plays the simulation" : ""}.`;
  if (!page.simulator) return;
  fillSelect("preset", page.simulator.presets.map(({ title }, number) => [number, title]), 0);
  const subsets = page.simulator.subsets.map(({ title }, number) => [number, title]);
  fillSelect("subset", [...subsets, ["seed", "from a seed"]], 0);
}

/** Show the state in all controls. */
function showControls(page, state) {
  element("shown").value = state.shown;
  element("asked-words").textContent = askedWords(page, state);
  element("marks").textContent = marksWords(page, state);
  const when = page.layers[state.layer]?.when;
  element("when").textContent = when ? `The map shows what was believed ${when}, wherever the slider stands.` : "";
  element("play-campaign").textContent = state.playing === "campaign" ? "Pause" : "Play";
  const third = page.axes[2];
  if (third) {
    element("slice").value = state.slice;
    element("slice-words").textContent = `latent z₃ = ${short(third.first + third.step * state.slice)}`;
  }
  if (!page.simulator) return;
  const { settings } = state;
  element("play-time").textContent = state.playing === "time" ? "Pause" : "Play";
  element("preset").value = settings.preset;
  for (const name of ["hold", "coupling", "depolarization"]) {
    element(name).value = settings[name];
    element(`${name}-words`).textContent = name === "hold" ? `${settings.hold} steps` : short(settings[name]);
  }
  element("defects").checked = settings.defects;
  const random = page.simulator.presets[settings.preset].update === "random_subset";
  element("subset").disabled = !random;
  element("seed-label").hidden = !random || element("subset").value !== "seed";
  element("back").hidden = state.own === null;
}

/** Return in words what the marks of the plane mean. */
function marksWords(page, state) {
  const asked = page.campaigns[state.campaign];
  const words = [];
  if (asked && state.layer !== null) words.push("white: evaluated");
  if (asked && state.shown < asked.cells.length) words.push("yellow: the newest");
  if (asked?.marks.includes(1)) words.push("red rings: beyond a limit");
  if (asked?.marks.includes(2)) words.push("red crosses: failed");
  if (state.points && page.points.some(({ title }) => title === "asked next")) words.push("yellow squares: asked next");
  return words.length ? `Marks: ${words.join(", ")}.` : "";
}

/** Return in words how far the chosen campaign is shown. */
function askedWords(page, state) {
  const campaign = page.campaigns[state.campaign];
  if (!campaign) return "";
  const count = campaign.cells.length;
  const start = `Evaluation ${state.shown} of ${count}`;
  if (state.shown < 1) return `${start}: nothing asked yet`;
  const n = state.shown - 1;
  const what = campaign.marks[n] === 2 ? "failed" : short(campaign.values[n]);
  return `${start}${n < campaign.initial ? " (initial)" : ""}: ${what}${campaign.marks[n] === 1 ? ", beyond a limit" : ""}`;
}

/** Return the best cell that a campaign has asked within the limits, -1 where there is none. */
function bestAsked(campaign) {
  const values = campaign.values.map((value, n) => (campaign.marks[n] === 0 ? value : NaN));
  const best = largest(values);
  return best < 0 ? -1 : campaign.cells[best];
}

/** Show what the simulation gave, and how the map's value compares. */
function showResult(page, state, result) {
  const { target, finite, settled, steps } = result;
  const unit = "model units";
  element("value").textContent = finite
    ? `${page.objective} = ${target.toFixed(3)} ${unit}`
    : "The simulation left the range of numbers: this coupling is too strong for the time step.";
  const truth = truthOf(page, state.settings.preset);
  const words = [];
  if (truth && finite) {
    const cell = nearestCell(page, page.cellAt, state.z);
    const difference = target - truth[cell];
    if (!state.own) words.push(`Map at the nearest cell: ${truth[cell].toFixed(3)} (${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(3)} here).`);
    words.push(`${(100 * shareBelow(truth, target)).toFixed(1)} % of the map’s cells lie below.`);
  }
  if (state.own) words.push("A field drawn by hand.");
  const changes = changesOf(page, state.settings);
  if (changes.length) words.push(`Not as in the run: ${changes.join(", ")}.`);
  if (!settled) words.push(`Still moving after ${steps} steps.`);
  element("compare").textContent = words.join(" ");
}

/** Show in words which step of a simulation is drawn. */
function showStep({ shownFrame: frame, steps, history, sums, longest }) {
  element("frame").max = steps - 1;
  element("frame").value = frame;
  const held = frame >= history.length ? ", held" : "";
  element("frame-words").textContent = `Step ${frame + 1}/${steps}${held}: Σ|curl P| ${sums[frame].toFixed(2)}`;
  element("arrow-words").textContent = `Longest arrow: |P| = ${short(longest, 3)} model units. x points right, y up.`;
}

/** Show how long the last point took. */
function showTimes(page, { computeTime, pictureTime }) {
  const what = page.simulator ? "Decoded and simulated" : "Decoded";
  element("timing").textContent = `${what} in ${computeTime.toFixed(1)} ms, drawn in ${(pictureTime - computeTime).toFixed(1)} ms.`;
}

/** Show what is known of the cell nearest to the chosen point, where there is no simulator. */
function showCell(page, state, decoded) {
  const cell = nearestCell(page, page.cellAt, state.z);
  const place = state.z.map((value, axis) => `z${"₁₂₃"[axis]} = ${short(value, 3)}`).join(", ");
  element("value").textContent = `${place}; duration ${short(decoded.duration)} ${page.decoder.time_unit}`;
  const beliefs = page.layers.filter(({ campaign, values }) => campaign === null && values);
  const words = beliefs.map(({ title, values }) => `${title} ${short(values[cell])}`);
  const asked = page.campaigns[state.campaign];
  const told = [];
  asked?.cells.forEach((other, n) => {
    if (other === cell) told.push(asked.marks[n] === 2 ? "failed" : short(asked.values[n]));
  });
  const known = told.length ? `evaluated: ${told.join(", ")}` : "not evaluated";
  element("compare").textContent = `Nearest candidate, ${cell}: ${[...words, known].join("; ")}.`;
}
