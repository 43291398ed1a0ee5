"""Windows of frames around places, with all that is needed to go back to the frame."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from experiments.datasets.files.checking import as_measured
from experiments.datasets.files.records import Measured, step
from experiments.datasets.files.scaling import check_normalise, scale
from ferro_jax.printing import described

LAYOUTS = ("yx", "yxc", "tyx", "tyxc")
_TIMES = ("t", "time", "page", "frame")
_CHANNELS = ("c", "channel", "channels", "energy", "e", "voltage", "spectrum")


class Windows(NamedTuple):
    """Windows ``x`` [n h w] or [n h w channel] of a frame or movie, float32, NaN where a pixel is missing.

    ``positions`` [n 2] are the places asked for, in frame pixels (x = column, y = row, pixel centres at whole numbers),
    and ``centres`` [n 2] the middles of the windows: a window of 2m + 1 pixels has its middle in a pixel, one of 2m
    pixels between two, half a pixel off. positions − centres is at most half a pixel, and 0 for resampled windows.
    ``number`` [n] says which of the given positions a window belongs to, and ``time`` [n] in which frame of a movie.
    ``window`` is the size (h, w) in frame pixels; ``pixel`` (y, x) that of a frame pixel in ``unit``. Values of the
    frame are low + x · (high − low); ``normalise`` says how these were chosen. ``mask`` as ``x``, None where nothing is
    missing. ``dropped`` counts the positions whose window reached over the edge. ``notes`` in words.
    """

    x: np.ndarray
    positions: np.ndarray
    centres: np.ndarray
    number: np.ndarray
    time: np.ndarray
    window: tuple[int, int]
    pixel: tuple[float, float]
    unit: str
    normalise: str
    low: np.ndarray
    high: np.ndarray
    mask: np.ndarray | None
    dropped: int
    notes: tuple[str, ...]

    __repr__ = described

    def to_frame(self, codes: Any = None, **values: Any) -> dict[str, np.ndarray]:
        """Return a table in frame coordinates: x and y in pixels and, where it is known, in ``unit``; number and time.

        ``codes`` as ``models.fit_vae(windows).encode(windows)`` gives them: their columns are taken over, and where
        they have a shift, x and y are positions refined by the pose (``refined``), which takes for granted that sites
        are on average where the positions are. Else they are the places asked for. Each of ``values``, [n] or
        [n column], becomes columns too. ValueError for other lengths.
        """
        xy = self.positions if getattr(codes, "shift", None) is None else refined(self, codes)
        table = {"x": xy[:, 0], "y": xy[:, 1], "number": self.number, "time": self.time}
        if self.unit:
            table |= {f"x_{self.unit}": xy[:, 0] * self.pixel[1], f"y_{self.unit}": xy[:, 1] * self.pixel[0]}
        given = {} if codes is None else codes.columns()
        for name, value in (given | values).items():
            array = np.asarray(value)
            if array.ndim not in (1, 2) or len(array) != len(xy):
                raise ValueError(
                    f"{name} of shape {array.shape}: expected one value or row for each of {len(xy)} windows"
                )
            parts = {name: array} if array.ndim == 1 else {f"{name}{k}": part for k, part in enumerate(array.T, 1)}
            table = table | {key: part for key, part in parts.items() if key not in table}
        return table


def refined(windows: Windows, codes: Any) -> np.ndarray:
    """Return the positions [n 2] of sites in frame pixels, refined by the pose of ``codes``, a ``models.Codes``.

    ``shift`` [n 2] of the codes is in pixels of the windows, x to the right, y down; ``angle``, ``scale``, ``shear``
    and ``label`` [n] may be None. A window's middle plus its shift is the middle of the picture that the model turns
    and shifts. Where the site lies in that picture no data tell, because the pose makes up for it: it is a vector of
    each fit's own, and it turns with the angle. It is taken off as the median over the windows, for each label on its
    own, of the way from the position to the place that the pose gives, turned back by the angle. So this ASSUMES that
    sites are on average where ``positions`` are; an offset that all positions share stays. ValueError for codes of
    other windows.
    """
    shift, count = np.asarray(codes.shift, float), len(windows.centres)
    if shift.shape != (count, 2):
        raise ValueError(f"shift of shape {shift.shape}: expected x and y for each of {count} windows")
    size = np.array(windows.window[::-1]) / windows.x.shape[2:0:-1]  # frame pixels of a pixel of the windows
    up = np.array([1, -1])
    away = up * (shift + (windows.centres - windows.positions) / size)
    forth = _pose_matrices(codes, count)
    own = np.einsum("nij,nj->ni", np.linalg.inv(forth), away)
    label = getattr(codes, "label", None)
    label = np.zeros(count, int) if label is None else np.asarray(label)
    for number in np.unique(label):
        own[label == number] = np.median(own[label == number], axis=0)
    return windows.positions + size * up * (away - np.einsum("nij,nj->ni", forth, own))


def _pose_matrices(codes: Any, count: int) -> np.ndarray:
    """Return the linear parts [n 2 2] of poses, rotation · shear · scale with y UP, as ``models.Pose`` has them."""
    angle, scale, shear = (
        np.zeros(count) if (part := getattr(codes, name, None)) is None else np.asarray(part, float)
        for name in ("angle", "scale", "shear")
    )
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(count, 2, 2)
    skew = np.stack([np.ones(count), np.tan(shear), np.zeros(count), np.ones(count)], -1).reshape(count, 2, 2)
    return turn @ skew * np.exp(scale)[:, None, None]


def angle_modulo(angle: Any, symmetry: int) -> np.ndarray:
    """Return angles in radians modulo the turns that leave an object as it is, in [0, 2π/symmetry)."""
    if symmetry < 1:
        raise ValueError(f"symmetry={symmetry}: give the number of turns that leave the object as it is, 1 or more")
    period = 2 * np.pi / symmetry
    turned = np.mod(np.asarray(angle, float), period)
    return np.where(turned >= period, 0.0, turned)  # the remainder of a tiny negative angle rounds up to the period


def cut(
    frame: Any,
    positions: Any,
    window: Any = None,
    *,
    layout: str = "",
    resample: Any = None,
    normalise: Any = "robust",
) -> Windows:
    """Cut windows around positions out of a frame [y x], with channels [y x c], or a movie [t y x] or [t y x c].

    ``positions``: ``Columns``, or an array [n 2] of x (column) and y (row) in pixels; for a movie the same for all
    times, or one such array for each. ``window`` is the size in pixels, (h, w) where it is no square; by default about
    two spacings, odd. ``layout`` names the axes of an array that is no plain frame; a ``Measured`` knows its own.

    Windows lie on whole pixels, and the rest of a position stays in positions − centres. ``resample=(h, w)`` instead
    interpolates that many pixels centred at the very position. Windows that reach over the edge are dropped and
    counted. ``normalise``: "robust" maps the quantiles 0.1 % and 99.9 % of all windows to 0 and 1, "stack" the smallest
    and largest value, "image" those of each window, "none" keeps values; "level" takes its mean off each window before
    "robust", for a background that changes over the frame; (low, high) is that of another frame.

    ValueError says what to change: a stack without a layout, no positions, positions of
    another frame, windows larger than the frame, none inside.
    """
    check_normalise(normalise)
    data = as_measured(frame)
    movie = _movie(data, layout)
    spacing = getattr(positions, "spacing", None)
    places, number, time = _places(getattr(positions, "xy", positions), len(movie))
    size = _size(window, spacing, places, movie.shape[1:3])
    middle = (np.array(size[::-1]) - 1) / 2
    corners = places - middle if resample else np.floor(places - middle + 0.5)
    last = np.array(movie.shape[2:0:-1]) - np.array(size[::-1])
    inside = np.all((corners >= 0) & (corners <= last), axis=1)
    _check_same_frame(places, movie.shape[1:3], size)
    if not inside.any():
        raise ValueError(
            f"no window of {size[0]} × {size[1]} pixels lies inside the frame of {movie.shape[1]} × {movie.shape[2]}: "
            "give a smaller window, and positions as x (column), y (row) in pixels."
        )
    places, corners, number, time = places[inside], corners[inside], number[inside], time[inside]
    if resample:
        x = _resampled(movie, places, time, size, (resample, resample) if isinstance(resample, int) else resample)
    else:
        rows = corners[:, 1].astype(int)[:, None, None] + np.arange(size[0])[:, None]
        columns = corners[:, 0].astype(int)[:, None, None] + np.arange(size[1])
        x = movie[time[:, None, None], rows, columns]
    x, low, high, words = scale(x.astype(np.float64), normalise)
    missing = np.isnan(x)
    dropped = int((~inside).sum())
    notes = (
        (f"{dropped} of {len(inside)} windows reach over the edge of the frame and were dropped",) if dropped else ()
    )
    pixel, unit = _pixel(data, layout)
    return Windows(
        x.astype(np.float32), places, corners + middle, number, time, size, pixel, unit, words, low, high,
        ~missing if missing.any() else None, dropped, (*data.notes, *notes),
    )  # fmt: skip


def _layout(data: Measured, layout: str) -> str:
    """Return the layout of the axes: as given, a plain frame, or from the names of the axes."""
    if layout:
        if layout not in LAYOUTS or len(layout) != data.values.ndim:
            raise ValueError(
                f"layout={layout!r} for data of shape {data.values.shape}: give one of {', '.join(LAYOUTS)}"
            )
        return layout
    names = [axis.name.lower() for axis in data.axes]
    if data.values.ndim == 2:
        return "yx"
    first = names[:1] and names[0] in _TIMES
    last = names[-1:] and names[-1] in _CHANNELS
    if data.values.ndim == 3 and bool(first) != bool(last):
        return "tyx" if first else "yxc"
    if data.values.ndim == 4 and first and last:
        return "tyxc"
    raise ValueError(
        f"{data.source}: shape {data.values.shape} is no frame [y x]. Say what the axes are, layout='tyx' for a movie "
        "or a stack, 'yxc' for channels last, 'tyxc' for both; or give one frame, values[0]."
    )


def _movie(data: Measured, layout: str) -> np.ndarray:
    """Return the values as [t y x] or [t y x c]."""
    return data.values if _layout(data, layout).startswith("t") else data.values[None]


def _pixel(data: Measured, layout: str) -> tuple[tuple[float, float], str]:
    """Return the size (y, x) of a pixel and its unit; 1 px where it is unknown or uneven."""
    layout = _layout(data, layout)
    y, x = (data.axes[layout.index(name)] for name in "yx")
    sizes = step(y), step(x)
    if not x.unit or x.unit != y.unit or None in sizes:
        return (1.0, 1.0), ""
    return (float(sizes[0] or 1), float(sizes[1] or 1)), x.unit


def _places(positions: Any, times: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions [n 2], their numbers and times. ValueError for anything else than x and y in pixels."""
    several = isinstance(positions, Sequence) and times > 1 and len(positions) == times and np.ndim(positions[0]) == 2
    lists = [np.asarray(part, float) for part in positions] if several else [np.asarray(positions, float)] * times
    for part in lists:
        if part.ndim != 2 or part.shape[1] != 2 or not np.isfinite(part).all():
            raise ValueError(
                f"positions of shape {part.shape}: expected finite x (column) and y (row) in pixels, [n 2], as "
                "find_columns(frame).xy has them; for a movie the same for all frames, or one array for each of them."
            )
    if not sum(map(len, lists)):
        raise ValueError("there are no positions: nothing can be cut.")
    number = np.concatenate([np.arange(len(part)) for part in lists])
    return np.concatenate(lists), number, np.repeat(np.arange(times), [len(part) for part in lists])


def _check_same_frame(places: np.ndarray, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raise ValueError for positions more than a window outside the frame, because they are those of another one."""
    far = ((places < -np.array(size[::-1])) | (places > np.array(shape[::-1]) - 1 + np.array(size[::-1]))).any(axis=1)
    if far.any():
        x, y = places[far][0]
        raise ValueError(
            f"{far.sum()} of {len(places)} positions lie far outside the frame of {shape[0]} × {shape[1]} pixels, one "
            f"at x = {x:g}, y = {y:g}: give x (column) before y (row), in pixels of this frame; were they found in a "
            "larger frame or before it was cropped or binned?"
        )


def _size(window: Any, spacing: float | None, places: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the size (h, w) of windows; by default about two spacings, an odd number."""
    if window is None:
        apart = np.unique(places, axis=0)
        if spacing is None and len(apart) > 1:
            spacing = float(np.median(KDTree(apart).query(apart, 2)[0][:, 1]))
        if spacing is None:
            raise ValueError("give window, the size of the windows in pixels: one position has no spacing.")
        window = 2 * round(spacing) + 1
    sides = np.broadcast_to(np.asarray(window), 2) if np.ndim(window) == 0 else np.asarray(window)
    if sides.shape != (2,) or sides.dtype.kind not in "iuf" or (sides != np.round(sides)).any() or (sides < 2).any():
        raise ValueError(f"window={window}: give a whole number of pixels, 2 or more, or two of them as (h, w).")
    if sides[0] > shape[0] or sides[1] > shape[1]:
        raise ValueError(
            f"window={window} is larger than the frame of {shape[0]} × {shape[1]} pixels: give a smaller one."
        )
    return int(sides[0]), int(sides[1])


def _resampled(
    movie: np.ndarray, places: np.ndarray, time: np.ndarray, size: tuple[int, int], pixels: tuple[int, int]
) -> np.ndarray:
    """Return windows [n h w …] of ``pixels`` interpolated by cubic splines, centred at the places.

    Where pixels become larger, the frame is smoothed first, so that noise is averaged instead of picked.
    """
    if len(pixels) != 2 or min(pixels) < 2:
        raise ValueError(f"resample={pixels}: give the numbers of pixels (h, w) of the windows, 2 or more each.")
    if np.isnan(movie).any():
        raise ValueError("missing pixels cannot be interpolated: cut without resample, or fill them first.")
    coarser = np.array(size) / np.array(pixels)
    channels = movie.reshape(*movie.shape[:3], -1)
    y, x = ((np.arange(count) - (count - 1) / 2) * ratio for count, ratio in zip(pixels, coarser, strict=True))
    x_out = np.empty((len(places), *pixels, channels.shape[-1]))
    for moment in np.unique(time):
        chosen = time == moment
        rows = places[chosen, 1][:, None, None] + y[:, None] + 0 * x
        columns = places[chosen, 0][:, None, None] + x + 0 * y[:, None]
        for channel in range(channels.shape[-1]):
            image = channels[moment, ..., channel].astype(np.float64)
            if coarser.max() > 1:
                image = ndimage.gaussian_filter(image, 0.4 * np.sqrt(np.maximum(coarser**2 - 1, 0)), mode="nearest")
            x_out[chosen, ..., channel] = ndimage.map_coordinates(image, [rows, columns], order=3, mode="nearest")
    return x_out.reshape(len(places), *pixels, *movie.shape[3:])
