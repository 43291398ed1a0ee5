// JAX's random numbers: Threefry-2x32 (Salmon et al. 2011), and the subsets that ferro_jax draws with it.
//
// A key is a pair of unsigned 32-bit integers. `foldIn` and `split` are those of jax.random with
// jax_threefry_partitionable, which is JAX's default.

const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]];

/** Write the hash of the counter (count0, count1) under a key into `out`. */
function threefry(key, count0, count1, out) {
  const words = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda];
  let a = (count0 + words[0]) | 0;
  let b = (count1 + words[1]) | 0;
  for (let round = 0; round < 5; round++) {
    const turns = ROTATIONS[round & 1];
    for (let i = 0; i < 4; i++) {
      a = (a + b) | 0;
      b = a ^ ((b << turns[i]) | (b >>> (32 - turns[i])));
    }
    a = (a + words[(round + 1) % 3]) | 0;
    b = (b + words[(round + 2) % 3] + round + 1) | 0;
  }
  out[0] = a >>> 0;
  out[1] = b >>> 0;
  return out;
}

/** Return jax.random.key(seed) of a seed below 2**32. */
function keyOf(seed) {
  return [0, seed >>> 0];
}

/** Return jax.random.fold_in(key, number). */
function foldIn(key, number) {
  return threefry(key, 0, number >>> 0, [0, 0]);
}

/** Write jax.random.permutation(key, count) into `order`; for at most 1,600 places, which one sort shuffles. */
function permute(key, order, scratch) {
  const subkey = threefry(key, 0, 1, [0, 0]);
  const count = order.length;
  const pair = [0, 0];
  for (let i = 0; i < count; i++) {
    threefry(subkey, 0, i, pair);
    scratch[i] = ((pair[0] ^ pair[1]) >>> 0) * count + i; // below 2**53, so the place breaks ties as a stable sort does
  }
  scratch.sort();
  for (let i = 0; i < count; i++) order[i] = scratch[i] % count;
}

/** Return the sites that move in each step from step 2 on, `quarter` a step: those of ferro_jax.subset_masks.
 *
 * In step 0 no site moves, in step 1 all do. `known` are the first steps of the same key, drawn before. */
function drawSubsets(key, steps, sites, known) {
  const quarter = sites >> 2;
  const rows = new Uint16Array(Math.max(0, steps - 2) * quarter);
  const done = known ? Math.min(known.length, rows.length) / quarter : 0;
  if (known) rows.set(known.subarray(0, done * quarter));
  const order = new Uint16Array(sites);
  const scratch = new Float64Array(sites);
  for (let step = done + 2; step < steps; step++) {
    permute(foldIn(key, step), order, scratch);
    rows.set(order.subarray(0, quarter), (step - 2) * quarter);
  }
  return rows;
}
