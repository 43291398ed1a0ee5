"""What a campaign is about, so that a saved state is continued with nothing else."""

from typing import Any, NamedTuple

import numpy as np

from ferro_jax import identity


class Parts(NamedTuple):
    """What a campaign was made of, beside its domain, config and outcomes."""

    objective: Any
    surrogate: Any
    acquisition: Any
    initial: Any
    context: Any
    prior: Any


def described(campaign: Any) -> dict[str, Any]:
    """Return what must be the same for a state of the campaign to be continued, as JSON has it.

    Functions and arrays stand there as digests (``ferro_jax.identity``). Of an objective that is an object its
    attributes do not count, because instruments differ from day to day.
    """
    points, space = campaign.domain[:2]
    parts = {"functions": campaign.ask} if campaign.parts is None else campaign.parts._asdict()
    return {
        "candidates or bounds": identity.digest((np.asarray(points), space)),
        # a plan saved before fits could become rarer is one in which they do not
        "config": repr(campaign.config).replace(", refit_growth=0.0", ""),
        "outcomes": repr(campaign.outcomes),
        **{name.replace("initial", "initial design"): identity.digest(part) for name, part in parts.items()},
        **reached(parts),
    }


def reached(parts: dict[str, Any]) -> dict[str, Any]:
    """Return what the functions of a campaign's parts use, and versions, as entries of a record."""
    of_objective = identity.reached(parts.get("objective"), instruments=True)
    of_rest = identity.reached({name: part for name, part in parts.items() if name != "objective"})
    marks = [each.get(identity.REACHED, "") for each in (of_objective, of_rest)]
    found = {identity.REACHED: identity.digest(marks)} if any(marks) else {}
    return {**found, "versions": {**of_rest["versions"], **of_objective["versions"]}}
