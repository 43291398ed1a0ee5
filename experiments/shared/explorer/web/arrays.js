// Arrays that Python packed as base64, back as typed arrays (little endian, as on every machine with a browser).

const KINDS = { float32: Float32Array, uint32: Uint32Array, uint8: Uint8Array };

/** Return the data of the page: every packed array as a typed array, at any depth. */
function unpacked(value) {
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== "object") return value;
  if ("base64" in value) {
    const text = atob(value.base64);
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return new KINDS[value.dtype](bytes.buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unpacked(inner)]));
}

/** Return the smallest and the largest finite value of an array; [0, 1] where there is none. */
function rangeOf(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** Return the number of the largest finite value of an array, -1 where there is none. */
function largest(values) {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]) && (best < 0 || values[i] > values[best])) best = i;
  }
  return best;
}
