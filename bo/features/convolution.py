"""Random convolutional features: filters that are patches of the pool itself, pooled over regions of the image.

After Coates & Ng 2011, with patches drawn at random instead of clustered, and without training. After rectification and
pooling the features are reduced to their principal components.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.features.base import Extractor, pca
from ferro_jax import options
from ferro_jax import values as given


def random_conv(
    shape: tuple[int, int, int],
    *,
    filters: int = 96,
    width: int = 5,
    regions: int = 3,
    components: int = 32,
    whiten: float = 0.5,
    name: str = "conv",
) -> Extractor:
    """Return the Extractor for images of ``shape`` (ny, nx, channel), given flattened.

    ``filters`` patches of ``width``² pixels, centred and of length 1; their responses, rectified at half a standard
    deviation, are averaged over ``regions``² parts of the image. ValueError for an image in which a patch has fewer
    places along a side than there are regions, and for a pool of other images.
    """
    ny, nx, depth = shape = options.option(shape, "shape", tuple[int, int, int])
    filters, width, regions = (
        given.whole(number, name, 1) for number, name in ((filters, "filters"), (width, "width"), (regions, "regions"))
    )
    if min(ny, nx) - width + 1 < regions or depth < 1:
        raise ValueError(
            f"images of {shape} have {max(min(ny, nx) - width + 1, 0)} places for a patch of {width} pixels along a "
            f"side; expected at least {regions}, one for each region: lower width or regions"
        )
    reduce = pca(components, whiten=whiten)

    def learn(key, pool):
        if pool.shape[1] != ny * nx * depth:
            raise ValueError(f"the pool has {pool.shape[1]} values a point; images of {shape} have {ny * nx * depth}")
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        # filters ignore a constant; single precision would not. The unit is a power of 2, which rounds nothing
        unit = 2.0 ** np.floor(np.log2(np.abs(pool).max()))
        centre, spread = unit * (pool / unit).mean(), unit * (pool / unit).std()
        pool = (pool - centre) / spread
        images = pool.reshape(-1, ny, nx, depth)
        patches = np.empty((8 * filters, width, width, depth))
        for place in range(len(patches)):
            which, row, column = (generator.integers(high) for high in (len(pool), ny - width + 1, nx - width + 1))
            patches[place] = images[which, row : row + width, column : column + width]
        patches -= patches.mean((1, 2, 3), keepdims=True)
        length = np.sqrt((patches**2).sum((1, 2, 3)))
        kept = np.argsort(-length, kind="stable")[: 4 * filters : 4]  # so that empty patches become no filters
        bank = (patches[kept] / np.maximum(length[kept], 1e-9)[:, None, None, None]).transpose(1, 2, 3, 0)
        bank = bank.astype(np.float32)
        sample = np.asarray(respond(jnp.asarray(images[:200], jnp.float32), jnp.asarray(bank)))
        threshold = (0.5 * sample.std((0, 1, 2))).astype(np.float32)
        program = jax.jit(lambda x: pooled(x, bank, threshold, shape, regions))
        chunks = [program(jnp.asarray(pool[at : at + 250])) for at in range(0, len(pool), 250)]
        rows = np.concatenate([np.asarray(chunk, float) for chunk in chunks])
        params, values = reduce.fit(key, rows)
        return (centre, spread, bank, threshold, params), values

    def apply(params, x):
        centre, spread, bank, threshold, directions = params
        x = (x - centre) / spread
        return reduce.apply(directions, pooled(x, bank, threshold, shape, regions).astype(x.dtype))

    return Extractor(name, learn, apply)


def respond(images: Float[Array, "n ny nx depth"], bank: Float[Array, "h w depth filter"]) -> Array:
    """Compute the responses [n row column filter] of every filter everywhere inside the image."""
    return jax.lax.conv_general_dilated(images, bank, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pooled(x: Float[Array, "n dim"], bank: Any, threshold: Any, shape: tuple[int, int, int], regions: int) -> Array:
    """Average the rectified responses of each filter in each region: [n regions·regions·2·filters].

    Positive and negative responses are separate features.
    """
    images = x.astype(jnp.float32).reshape(-1, *shape)
    response = respond(images, jnp.asarray(bank))
    limit = jnp.asarray(threshold)[None, None, None]
    both = jnp.concatenate([jax.nn.relu(response - limit), jax.nn.relu(-response - limit)], -1)
    means = [
        jnp.mean(part, (1, 2))
        for rows in jnp.array_split(both, regions, 1)
        for part in jnp.array_split(rows, regions, 2)
    ]
    return jnp.concatenate(means, 1)
