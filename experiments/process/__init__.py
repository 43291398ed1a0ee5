"""Search the histories of your own process, with any simulator or instrument: a study is a folder.

    python -m experiments.process learn  study/ histories.csv --bounds 0 25   # 1 to 3 minutes
    python -m experiments.process ask    study/ -n 4                          # study/asked/1.csv … 4.csv
    python -m experiments.process tell   study/ 1 cap=3.41 temp=48.2
    python -m experiments.process run    study/ --command "python sim.py {history}" --workers 3 --timeout 60
    python -m experiments.process run    study/ --objective mymodule:film --seeds 16 --kappa 0.3 1 3 --refine 200
    python -m experiments.process report study/

The log of the study, log.csv, is its only truth: every command rebuilds the campaign from it. A person may edit, add or
delete rows, and may end any command at any moment. What is searched for is said in study.toml. Expected: what your
process gives; docs/guide/process.md shows one.
"""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import tyro

from experiments.process.config import COMMANDS

__all__ = ["COMMANDS", "main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command of a study from its command line (``argv``, by default the process's own).

    Leaves by ``SystemExit`` after saying in words what went wrong; nothing that was told is lost.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, args=arguments, description=__doc__, prog="python -m experiments.process"
    )
    if argv is None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interruption too
    commands = import_module("experiments.process.commands")  # JAX starts below it, because --help must not wait
    try:
        commands.execute(options)
    except KeyboardInterrupt as error:
        raise SystemExit(130) from error
    except ValueError as error:
        raise SystemExit(f"\n{type(options).__name__.lower()}: {error}") from error
