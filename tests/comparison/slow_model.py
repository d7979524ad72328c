"""A model that takes two seconds a start."""

import time

from comparison.fake_model import Hills


class Slow(Hills):
    def _start(self, X, rng):
        time.sleep(2.0)
        return super()._start(X, rng)
