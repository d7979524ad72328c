"""Calls side by side in threads, for kernels that release the interpreter lock."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def side_by_side(
    calls: Sequence[Callable[[], Any]], n_threads: int, stop: Callable[[], None] | None = None
) -> list[Any]:
    """Carry out calls and return their results in their order.

    The thread that asks takes part. Others live as long as this takes: to begin one costs some ten microseconds, and a
    process that is forked later misses none. An error, Ctrl-C included, ends this after the calls under way; of
    several, that of the earliest call is raised.

    Parameters
    ----------
    calls : sequence of callable
        Independent of each other.
    n_threads : int
        At most so many at the same time; with one, they run in turn.
    stop : callable or None
        Called on an error: calls under way may then end early.
    """
    if n_threads <= 1 or len(calls) <= 1:
        return [call() for call in calls]
    results: list[Any] = [None] * len(calls)
    errors: dict[int, BaseException] = {}
    left = deque(range(len(calls)))

    def work() -> None:
        while left:
            try:
                place = left.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                results[place] = calls[place]()
            except BaseException as error:
                errors[place] = error
                halt()

    def halt() -> None:
        left.clear()
        if stop is not None:
            stop()

    threads = [
        threading.Thread(target=work, daemon=True) for _ in range(min(n_threads, len(calls)) - 1)
    ]
    for thread in threads:
        thread.start()
    try:
        work()
        for thread in threads:
            thread.join()
    except BaseException:  # Ctrl-C between two calls, or while others are waited for
        halt()
        for thread in threads:
            thread.join()
        raise
    if errors:
        raise errors[min(errors)]
    return results
