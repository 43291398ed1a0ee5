// The decoder of the variational autoencoder, as models.histories.decode: latents to a history in physical units.
//
// Scaling, smoothing and the weight of the duration are linear, so Python has put them into the last layer.

const ACTIVATIONS = {
  tanh: Math.tanh,
  gelu: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))),
};

/** Return the history (sample, channel) at the latents z, every value within its bounds, and the duration. */
function decode(decoder, z) {
  const activation = ACTIVATIONS[decoder.activation];
  let values = Float64Array.from(z);
  decoder.layers.forEach((layer, number) => {
    values = linear(layer, values);
    if (number < decoder.layers.length - 1) values = values.map(activation);
  });
  const channels = decoder.channels.length;
  const history = new Float32Array(decoder.samples * channels);
  for (let i = 0; i < history.length; i++) {
    const { low, high } = decoder.channels[i % channels];
    history[i] = Math.min(high ?? Infinity, Math.max(low ?? -Infinity, values[i]));
  }
  const { shortest, longest, log } = decoder.duration;
  const duration = Math.exp(Math.min(Math.log(longest), Math.max(Math.log(shortest), log ?? values[history.length])));
  return { history, duration };
}

/** Return bias + inputs . kernel, with a kernel (input, output). */
function linear(layer, inputs) {
  const { kernel, bias } = layer;
  const outputs = Float64Array.from(bias);
  const width = bias.length;
  for (let i = 0; i < inputs.length; i++) {
    const value = inputs[i];
    for (let j = 0, at = i * width; j < width; j++, at++) outputs[j] += value * kernel[at];
  }
  return outputs;
}
