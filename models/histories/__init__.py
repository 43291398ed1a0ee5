"""Histories of any process: read from files, learned by a VAE, decoded within bounds, saved.

Learn, encode, decode:

    import jax, numpy as np
    from models import histories

    rate, end = np.random.default_rng(0).uniform(1, 5, (2, 200, 1))
    time = np.linspace(0, 1, 50)[None]
    data = histories.from_arrays(20 + 100 * end * time**rate, duration=60 * end[:, 0], units=("K",), time_unit="min")
    learned = histories.learn(data, bounds=(20, 520), key=jax.random.key(0))
    code = histories.encode(learned, data)  # mean and std [200 2]
    decoded = histories.decode(learned, code.mean)  # values [200 50] in K, durations [200] in min
    print(learned.report.error, decoded.values.shape, decoded.duration[:3])
"""

from models.histories.coding import decode, encode
from models.histories.folder import load, save
from models.histories.learning import learn
from models.histories.reading import from_arrays, read
from models.histories.records import Decoded, Histories, Learned, Report, Scaling

__all__ = [
    "Decoded",
    "Histories",
    "Learned",
    "Report",
    "Scaling",
    "decode",
    "encode",
    "from_arrays",
    "learn",
    "load",
    "read",
    "save",
]


def __dir__() -> list[str]:
    return __all__
