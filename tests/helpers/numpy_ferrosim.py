"""FerroSIM in NumPy, one site at a time, as the published description has it: slow, and easy to compare with that.

It shares no code with ``ferro_jax``. Arrays are P[component, i, j].
"""

from functools import cache

import numpy as np

STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@cache
def neighbours(i, j, shape, boundary):
    """Return the four neighbours of a site: index pairs, or None where the lattice ends."""
    sites = []
    for di, dj in STEPS:
        a, b = i + di, j + dj
        if boundary == "periodic":
            sites.append((a % shape[0], b % shape[1]))
        elif 0 <= a < shape[0] and 0 <= b < shape[1]:
            sites.append((a, b))
        else:
            sites.append(None)
    return sites


def derivative(p, visible, mean, i, j, applied, local, params, boundary, clip):
    """Return dp/dt of site (i, j), both components.

    ``p``, ``visible`` and ``local`` are nested lists, ``mean`` is the mean of p.
    """
    a1, a2, a3, coupling, depolarization, mobility, *_ = params
    # nested lists and plain numbers: NumPy takes three times as long for two components
    site_p = [p[0][i][j], p[1][i][j]] if clip is None else [min(max(p[c][i][j], -clip), clip) for c in (0, 1)]
    sites = neighbours(i, j, (len(p[0]), len(p[0][0])), boundary)
    rate = []
    for c, (x, y) in enumerate((site_p, site_p[::-1])):
        landau = 2 * a1 * x + 4 * a2 * x**3 + 2 * a3 * x * y**2
        bonds = 0.0
        for site in sites:
            if site is not None:
                bonds += x - visible[c][site[0]][site[1]]
            elif boundary == "grounded":
                bonds += x
        field = applied[c] + local[c][i][j] - depolarization * mean[c]
        rate.append(mobility * (field - landau - 2 * coupling * bonds))
    return rate


def simulate(applied, local, moves, params, boundary, clip=None, start=None, axes="xy"):
    """Return (polarization, visible) after one step per row of ``applied`` (time, 2).

    ``moves`` (time, i, j) is true where a site moves. A site that moves gets p + g·dt. One that does not move shows its
    neighbours and observers (``visible``) p + g·dt with the g that it computed when it last moved.
    """
    p = np.zeros_like(local) if start is None else start.copy()
    visible, last = p.copy(), np.zeros_like(p)
    params = [float(value) for value in params]
    dt = params[6]
    local = local.tolist()
    for field, mask in zip(applied.tolist(), moves, strict=True):
        p_before, visible_before, mean = p.tolist(), visible.tolist(), p.mean((1, 2)).tolist()
        new, new_visible, new_last = p.copy(), p + dt * last, last.copy()
        for i, j in np.argwhere(mask).tolist():
            new_last[:, i, j] = derivative(p_before, visible_before, mean, i, j, field, local, params, boundary, clip)
            if axes == "y":
                new_last[0, i, j] = 0
            new[:, i, j] = p[:, i, j] + dt * new_last[:, i, j]
            new_visible[:, i, j] = new[:, i, j]
        p, visible, last = new, new_visible, new_last
    return p, visible


def wrapped_curl(p):
    """Return ½[(py(i+1,j) − py(i−1,j)) − (px(i,j+1) − px(i,j−1))], the first index taken as x, with wrap."""
    n, m = p.shape[1:]
    curl = np.empty((n, m))
    for i in range(n):
        for j in range(m):
            along_x = p[1, (i + 1) % n, j] - p[1, (i - 1) % n, j]
            along_y = p[0, i, (j + 1) % m] - p[0, i, (j - 1) % m]
            curl[i, j] = (along_x - along_y) / 2
    return curl
