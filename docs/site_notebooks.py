"""Run the notebooks of the site, as many at a time as there are cores, and keep their outputs where Sphinx finds them.

``make docs`` calls it before Sphinx, which runs one notebook after another and here finds nothing left to run. A cell
that fails ends it with that cell's error. With ``FERRO_JAX_SMOKE`` set the notebooks are small, their programs are
compiled as quickly as those of the tests, and their outputs are kept apart from those that readers see;
``FERRO_JAX_NOTEBOOKS=off`` runs none.
"""

import logging
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SMOKE = bool(os.environ.get("FERRO_JAX_SMOKE"))
MODE = os.environ.get("FERRO_JAX_NOTEBOOKS", "cache")
CACHE = HERE / "_build" / (".jupyter_cache_smoke" if SMOKE else ".jupyter_cache")
SECONDS = 600  # for each cell


def main() -> None:
    """Run what the cache does not hold; SystemExit names the notebooks that failed, below their errors."""
    from jupyter_cache import get_cache
    from jupyter_cache.executors import load_executor

    if SMOKE:
        sys.path.insert(0, str(HERE.parent / "tests"))
        from helpers.compilation import QUICK

        os.environ.setdefault("XLA_FLAGS", QUICK)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cache = get_cache(str(CACHE))
    for record in cache.list_project_records():  # of a build before this one, when there may have been other notebooks
        cache.remove_nb_from_project(record.pk)
    for path in sorted((HERE / "notebooks").glob("*.py")):
        cache.add_nb_to_project(str(path), read_data={"name": "jupytext", "type": "plugin"})
    done = load_executor("local-parallel", cache, logging.getLogger()).run_and_cache(timeout=SECONDS)
    if failed := done.excepted + done.errored:
        sys.exit("These notebooks failed: " + ", ".join(Path(uri).name for uri in failed))


if __name__ == "__main__" and MODE == "cache":
    main()
