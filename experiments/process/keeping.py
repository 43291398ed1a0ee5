"""Answers of a run's programs on their way into the log: written, refused, or kept beside it where it cannot be."""

import time
from pathlib import Path

from experiments.process import log, study
from experiments.process.log import Log, Row

UNLOGGED = "unlogged.csv"
PAUSES = (1.0, 4.0, 0.0)  # seconds after each try to write to the log


def tell(folder: Path, row: Row) -> str:
    """Write an answer to the log; returns "" or words on why it is not there.

    An answer that was given by hand meanwhile stays. Where the log cannot be read, locked or written, the answer goes
    to ``unlogged.csv``, a log of its own, because it may have taken hours. ValueError, with the answer, where that
    cannot be written either.
    """
    why = ""
    for pause in PAUSES:
        try:
            study.tell(folder, row)
            return ""
        except study.AnsweredError as error:
            return str(error)
        except (ValueError, OSError) as error:
            why = str(error)
        time.sleep(pause)
    answer = f"{row.status} {log.cell_of(row, 'outcomes')}".strip()
    try:
        beside = Log([], [], log.columns_of(len(row.z)), ",")
        log.append(folder, beside, [row._replace(told=study.now())], UNLOGGED)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"id {row.id}: {answer} is in no file: {log.FILE}: {why}; {UNLOGGED}: {error}. Tell it by hand"
        ) from error
    return f"{why}. The answer, {answer}, is in {folder / UNLOGGED}: tell it by hand once {log.FILE} is in order"
