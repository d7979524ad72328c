"""Progress: a bar with the time left in terminals and notebooks, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Self

#: Seconds between two lines where nobody watches a bar.
EVERY_SECONDS = 10.0


def progress_bar(total: int | None, description: str, unit: str, show: bool = True) -> Any:
    """Return tqdm's bar; where standard error is neither a terminal nor a notebook, `ProgressLines`.

    Parameters
    ----------
    total : int or None
        None where nobody knows.
    description, unit : str
    show : bool
        False gives a bar that is silent.
    """
    if not show:  # the notebook's bar would ask for widgets even where it is not shown
        from tqdm import tqdm

        return tqdm(total=total, disable=True)
    from tqdm.auto import tqdm as suitable

    in_notebook = "notebook" in "".join(kind.__module__ for kind in suitable.__mro__[:2])
    if in_notebook or sys.stderr.isatty():
        return suitable(total=total, desc=description, unit=unit)
    return ProgressLines(total, description, unit)


class ProgressLines:
    """What is used of tqdm's bar, as a line every ten seconds: in a log, a bar would be one endless line.

    Parameters
    ----------
    total : int or None
    description, unit : str
    """

    def __init__(self, total: int | None, description: str, unit: str) -> None:
        self.n = self.initial = 0
        self.total, self.unit = total, unit
        self._description, self._more = description, ""
        self._began = self._last_line = time.monotonic()

    def set_description(self, text: str, refresh: bool = True) -> None:
        """Name what is under way."""
        self._description = text
        if refresh:
            self.refresh()

    def set_postfix(self, refresh: bool = True, **values: Any) -> None:
        """Say more, as name=value."""
        self.set_postfix_str(
            ", ".join(f"{name}={value}" for name, value in values.items()), refresh
        )

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Say more."""
        self._more = text
        if refresh:
            self.refresh()

    def reset(self) -> None:
        """Count, and estimate the time left, from now on."""
        self.n = self.initial = 0
        self._began = time.monotonic()

    def update(self, n: int = 1) -> None:
        """Count n more."""
        self.n += n
        self.refresh()

    def refresh(self) -> None:
        """Write a line if the last one is ten seconds ago."""
        now = time.monotonic()
        if now - self._last_line >= EVERY_SECONDS:
            self._last_line = now
            sys.stderr.write(f"{self._text(now)}\n")
            sys.stderr.flush()

    def _text(self, now: float) -> str:
        of = "" if self.total is None else f" of {self.total}"
        spent, done = now - self._began, self.n - self.initial
        left = ""
        if self.total is not None and done > 0:
            left = f", about {_clock(spent / done * max(self.total - self.n, 0))} left"
        more = f"; {self._more}" if self._more else ""
        units = f"{self.unit}s" if self.unit != "it" else "iterations"
        return f"{self._description}: {self.n}{of} {units} in {_clock(spent)}{left}{more}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _clock(seconds: float) -> str:
    """Write a duration as 9 s, 1:30 or 2:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest} s"
