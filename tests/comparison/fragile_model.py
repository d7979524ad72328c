"""Hills on which chosen replicates go wrong in a chosen way, and every fit leaves a line in a log."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
from comparison.fake_model import Hills


class Fragile(Hills):
    """``fates`` is a tuple of (replicate, kind of failure)."""

    def __init__(
        self, init="wide", max_iter=60, fates=(), seconds=0.0, log=None, random_state=None
    ):
        super().__init__(init=init, max_iter=max_iter, random_state=random_state)
        self.fates = fates
        self.seconds = seconds
        self.log = log

    def fit_under(self, monitor, X, lengths=None):
        replicate = self.random_state.spawn_key[1]
        fate = dict(self.fates).get(replicate)
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{replicate} {os.getpid()}\n")
        time.sleep(self.seconds)
        if fate == "exception":
            raise RuntimeError("out of luck")
        if fate == "singular":
            raise np.linalg.LinAlgError("Singular matrix")
        if fate == "killed" and multiprocessing.current_process().name != "MainProcess":
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "nan":
            self.init = "nan"
        if fate == "slow":
            return self._dawdle(X, monitor)
        return super().fit_under(monitor, X, lengths=lengths)

    def _dawdle(self, X, monitor):
        """A step takes a tenth of a second: ten of them overstep any budget of these tests."""
        monitor.start()
        self.start_ = np.array([0.3 + 0.001 * self.random_state.spawn_key[1]])
        self.n_iter_, self.converged_, self.x_ = 0, False, 0.3
        monitor.run()
        while monitor.record(999.0) and self.n_iter_ < 20:
            time.sleep(0.1)
            self.n_iter_ += 1
        monitor.stop()
        return self


class KillsWorkerOnce(Hills):
    """The first fit outside the caller's process kills its own process; a marker file tells that it has been."""

    def __init__(self, init="wide", max_iter=60, marker=None, caller=None, random_state=None):
        super().__init__(init=init, max_iter=max_iter, random_state=random_state)
        self.marker = marker
        self.caller = caller

    def fit_under(self, monitor, X, lengths=None):
        late = self.random_state.spawn_key[1] >= 5
        if os.getpid() != self.caller and late and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return super().fit_under(monitor, X, lengths=lengths)
