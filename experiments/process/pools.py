"""Where the programs of a run work: threads of this process that wait for them, or tasks of Ray on other machines."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from experiments.process import guarding, workers
from experiments.process.config import Run
from experiments.process.workers import Answer, Program


class Pool(NamedTuple):
    """What a run needs of its workers.

    submit  (history, id, values of the contexts) -> Future
    answer  (Future that is done) -> Answer
    ending  set when the run ends, and with it the programs that still run
    """

    submit: Callable[[Path, int, Mapping[str, object]], Future]
    answer: Callable[[Future], Answer]
    ending: Event


@contextmanager
def threads(options: Run, words: list[str], environment: Mapping[str, str]) -> Iterator[Pool]:
    """Run programs on this machine. What still runs at the end of the block is ended."""
    stop = Event()
    with guarding.guarded() as guard, ThreadPoolExecutor(options.workers) as executor:
        program = Program(words, options.timeout, environment, stop, guard)
        try:
            yield Pool(partial(in_thread, executor, program), Future.result, stop)
        finally:
            stop.set()


def in_thread(
    executor: ThreadPoolExecutor, program: Program, history: Path, number: int, given: Mapping[str, object]
) -> Future:
    """Start a program in a thread that waits for it."""
    return executor.submit(workers.evaluate, program, history, number, given)


@contextmanager
def in_ray(options: Run, words: list[str], environment: Mapping[str, str]) -> Iterator[Pool]:
    """Run programs as Ray tasks of one processor each, on the machines of a cluster or else on this one.

    The study's folder, and the program, must be visible there under the same paths. ValueError where Ray is missing.
    """
    ray = imported()
    mine = not ray.is_initialized()
    if mine:
        ray.init(log_to_driver=False, include_dashboard=False)
    task = ray.remote(max_retries=0, num_cpus=1)(evaluate_there)
    started: list[Any] = []
    ending = Event()
    submit = partial(submitted, task, started, (words, options.timeout, dict(environment)))
    try:
        yield Pool(submit, partial(ray_answer, ray), ending)
    finally:
        ending.set()
        for reference in started:
            ray.cancel(reference, force=True)
        if mine:
            ray.shutdown()


POOLS: dict[str, Callable[..., AbstractContextManager[Pool]]] = {"threads": threads, "ray": in_ray}


def check(executor: str) -> None:
    """ValueError for an executor that is unknown or not installed."""
    if executor not in POOLS:
        raise ValueError(f"--executor is {executor!r}; expected {' or '.join(POOLS)}")
    if executor == "ray":
        imported()


def imported() -> Any:
    """Return Ray; ValueError says how to install it."""
    try:
        return import_module("ray")
    except ImportError as error:
        raise ValueError("ray is not installed: pip install 'ferro-jax[ray]', or leave out --executor ray") from error


def submitted(
    task: Any, started: list[Any], parts: tuple, history: Path, number: int, given: Mapping[str, object]
) -> Future:
    """Start a Ray task, and return its future."""
    reference = task.remote(*parts, history.resolve(), number, dict(given))
    started.append(reference)
    return reference.future()


def evaluate_there(
    words: list[str], timeout: float, environment: dict[str, str], history: Path, number: int, given: dict[str, object]
) -> Answer:
    """Run a program on one history in a worker of Ray, which takes the program with it when it is ended."""
    with guarding.guarded() as guard:
        return workers.evaluate(Program(words, timeout, environment, Event(), guard), history, number, given)


def ray_answer(ray: Any, future: Future) -> Answer:
    """Return the answer of a Ray task; nothing can be said of the process where its worker was lost."""
    try:
        return future.result()
    except ray.exceptions.RayError as error:
        return Answer("garbage", {}, f"its worker was lost: {str(error).splitlines()[0]}")
