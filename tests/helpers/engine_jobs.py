"""Jobs of the tests of engines: chunks of campaigns, to whose worker something happens in the middle.

Workers find them by name, so nothing here starts JAX when it is imported.
"""

import os
import signal
import time

import numpy as np

SEEDS, CHUNK, HALF = 200, 50, 13  # campaigns, those of a job, and the evaluations at whose save something happens


def items(jobs, fault=""):
    """Return the jobs' items: the first of their seeds, and what happens to the second of them."""
    return [(number * CHUNK, fault if number == 1 else "") for number in range(jobs)]


def campaigns(item, folder):
    """Run a chunk of campaigns, saved as they go; once, in the middle, something happens to their process."""
    import jax

    import bo
    from helpers import small_campaign

    start, fault = item

    def told(done):
        (folder / f"saved-{done}").touch(exist_ok=False)  # a step that is done again would meet its own file
        mark = folder / "half"
        if fault and done >= HALF and not mark.exists():
            mark.touch()
            if fault == "wait":
                time.sleep(600)
            os.kill(os.getpid(), getattr(signal, fault))

    keys = jax.random.split(jax.random.key(0), SEEDS)[start : start + CHUNK]
    state, info = bo.run_resumable(keys, small_campaign.build(), folder / "state", progress=told)
    return [np.asarray(leaf) for leaf in (info.index, info.value, state.best)]
