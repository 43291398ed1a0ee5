// What a page computes from its data, without anything on the screen: histories, simulations, comparisons.

const subsetsByKey = new Map();
const ROUND = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]; // limits of the field's axis, times a power of ten

/** Return the page's data ready for use: typed arrays, cells by place, acquisitions of campaigns with a known weight. */
function readyPage(data) {
  const page = unpacked(data);
  page.cellAt = cellsByPlace(page);
  page.campaigns.forEach((campaign, number) => {
    const [mean, std] = ["mean", "std"].map((kind) =>
      page.layers.find((layer) => layer.campaign === number && layer.kind === kind));
    if (campaign.kappa === null || !mean || !std) return;
    const title = `acquisition μ + ${short(campaign.kappa)}σ`;
    const more = { values: null, mean: mean.values, std: std.values, unit: title, when: mean.when };
    page.layers.push({ kind: "acquisition", title, campaign: number, ...more });
  });
  return page;
}

/** Return the round number that a history's largest |field| fits below with a little room, in coercive fields. */
function fieldLimit(page, history) {
  const scale = page.simulator.presets[0].field_scale;
  const most = 1.05 * scale * history.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || scale;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ROUND.find((factor) => factor * power >= most * (1 - 1e-9));
}

/** Return the settings with which the run has simulated its map under a preset. */
function settingsOf(page, preset) {
  const { coupling, depolarization, hold_steps: hold } = page.simulator.presets[preset];
  return { preset, coupling, depolarization, hold, defects: true, subset: page.simulator.subsets[0].key };
}

/** Simulate a history with settings; returns what `simulate` does, with the sums of |curl| and the table of the curl. */
function runSimulation(page, history, settings) {
  const preset = { ...page.simulator.presets[settings.preset] };
  preset.coupling = settings.coupling;
  preset.depolarization = settings.depolarization;
  const local = settings.defects ? preset.local : new Float32Array(preset.local.length);
  const steps = history.length + settings.hold;
  const subsets = preset.update === "random_subset" ? subsetsOf(settings.subset, steps, preset.shape) : null;
  const simulated = simulate(preset, history, local, settings.hold, subsets);
  const table = curlTable(preset);
  const sums = sumsOfCurl(simulated, table);
  return { ...simulated, preset, table, sums, target: sums[sums.length - 1] };
}

/** Return the random subsets of a key, drawn once and lengthened where more steps are needed. */
function subsetsOf(key, steps, shape) {
  const sites = shape[0] * shape[1];
  const name = key.join(" ");
  const known = subsetsByKey.get(name);
  if (known && known.length >= (steps - 2) * (sites >> 2)) return known;
  if (!known && subsetsByKey.size > 7) subsetsByKey.clear();
  const drawn = drawSubsets(key, steps, sites, known);
  subsetsByKey.set(name, drawn);
  return drawn;
}

/** Return the map of a preset, null where the page has none. */
function truthOf(page, preset) {
  const layer = page.layers.find(({ kind, title }) => kind === "truth" && title === page.simulator.presets[preset].truth);
  return layer ? layer.values : null;
}

/** Return in words what of the settings is not as in the run. */
function changesOf(page, settings) {
  const usual = settingsOf(page, settings.preset);
  const words = [];
  if (settings.hold !== usual.hold) words.push(`hold of ${settings.hold} steps`);
  if (!settings.defects) words.push("no defects");
  if (settings.coupling !== usual.coupling) words.push(`coupling ${short(settings.coupling)}`);
  if (settings.depolarization !== usual.depolarization) words.push(`depolarization ${short(settings.depolarization)}`);
  const random = page.simulator.presets[settings.preset].update === "random_subset";
  if (random && settings.subset.join() !== usual.subset.join()) words.push("other random subsets");
  return words;
}

/** Return the share of the finite values that lie below a value. */
function shareBelow(values, value) {
  let below = 0;
  let finite = 0;
  for (const other of values) {
    if (other < value) below += 1;
    if (Number.isFinite(other)) finite += 1;
  }
  return below / Math.max(1, finite);
}

/** Return history, duration and, for FerroSIM, the final sum of |curl| at a point, for tests and for the console. */
function evaluate(page, z, settings = {}) {
  const { history, duration } = decode(page.decoder, z);
  if (!page.simulator) return { history, duration };
  const all = { ...settingsOf(page, settings.preset || 0), ...settings };
  const { target, steps, finite, settled } = runSimulation(page, history, all);
  return { history, duration, target, steps, finite, settled };
}
