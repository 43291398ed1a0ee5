"""Three classic exercises of optimal control with published optima, as problems of a sampled control.

The control is linear between its samples; the states follow by Runge and Kutta's rule.
"""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from benchmarks.curves.problem import SAMPLES, Problem, invented
from experiments.shared.processes.integrate import rk4


def quadratic(history: Float[Array, " samples"]) -> Float[Array, ""]:
    """Return −x2(1), where x1' = u, x2' = x1² + u², x(0) = (1, 0).

    The optimum −tanh 1, at u = −sinh(1 − t) / cosh 1, follows from the Riccati equation.
    """
    start = (jnp.ones((), history.dtype), jnp.zeros((), history.dtype))
    return -rk4(lambda x, u: (u, x[0] ** 2 + u**2), start, history, 1.0, 1)[1]


def reactor(history: Float[Array, " samples"]) -> Float[Array, ""]:
    """Return x2(1), the yield of B from A → B → C in a batch reactor with a temperature profile in K.

    x1' = −k1 x1², x2' = k1 x1² − k2 x2 with k1 = 4000 exp(−2500/T), k2 = 620000 exp(−5000/T), x(0) = (1, 0). Renfro,
    Morshedi & Asbjornsen, Comput. Chem. Eng. 11, 503 (1987). The published optimum is 0.610775; a control with 200
    samples reaches 0.610802, which an integration to 1e-11 confirms.
    """

    def rate(x: tuple[Any, Any], kelvin: Any) -> tuple[Any, Any]:
        first, second = 4000 * jnp.exp(-2500 / kelvin) * x[0] ** 2, 620_000 * jnp.exp(-5000 / kelvin) * x[1]
        return -first, first - second

    start = (jnp.ones((), history.dtype), jnp.zeros((), history.dtype))
    return rk4(rate, start, history, 1.0, 1)[1]


def catalysts(history: Float[Array, " samples"]) -> Float[Array, ""]:
    """Return 1 − x1(1) − x2(1), the product of a tube in which a share u of one catalyst is mixed with another.

    x1' = u (10 x2 − x1), x2' = u (x1 − 10 x2) − (1 − u) x2, x(0) = (1, 0). Jackson, J. Optim. Theory Appl. 2, 240
    (1968); 0.048055 is the optimum of Dolan, Moré & Munson, COPS 3.0, Argonne ANL/MCS-TM-273 (2004), and of others.
    """

    def rate(x: tuple[Any, Any], share: Any) -> tuple[Any, Any]:
        forth = share * (10 * x[1] - x[0])
        return forth, -forth - (1 - share) * x[1]

    end = rk4(rate, (jnp.ones((), history.dtype), jnp.zeros((), history.dtype)), history, 1.0, 1)
    return 1 - end[0] - end[1]


EXERCISES = (
    Problem("quadratic", "min x2(1), x1' = u, x2' = x1² + u²", SAMPLES, 1.0, -2.0, 2.0, quadratic, -math.tanh(1.0),
            "in closed form: tanh 1", True, invented(-2.0, 2.0)),
    Problem("reactor", "yield of B in A → B → C by temperature", SAMPLES, 1.0, 298.0, 398.0, reactor, 0.610802,
            "by gradient; published: 0.610775", True, invented(298.0, 398.0)),
    Problem("catalysts", "Jackson's mixing of two catalysts", SAMPLES, 1.0, 0.0, 1.0, catalysts, 0.048055,
            "published: 0.048055", True, invented(0.0, 1.0)),
)  # fmt: skip
