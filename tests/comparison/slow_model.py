"""A model that takes two seconds a start, and says when a worker has begun."""

import multiprocessing
import time
from pathlib import Path

from comparison.fake_model import Hills


class Slow(Hills):
    def __init__(self, init="wide", max_iter=60, marker=None, random_state=None):
        super().__init__(init=init, max_iter=max_iter, random_state=random_state)
        self.marker = marker

    def _start(self, X, rng):
        if multiprocessing.current_process().name != "MainProcess":
            Path(self.marker).touch()
        time.sleep(2.0)
        return super()._start(X, rng)
