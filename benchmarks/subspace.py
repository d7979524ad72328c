"""Subspace identification of a simulated 4th-order system: tsinit against nfoursid.

nfoursid takes a full singular value decomposition of a matrix as wide as the series: at T = 20,000 it needs
more than 6 GB and half a minute.
"""

import _bench
import _systems
import numpy as np
from _bench import Contender

SIZES = ["2e4,20"]
POLES = ((0.95, 0.4), (0.90, 1.3))  # modulus and angle of two conjugate pairs


def main():
    args = _bench.arguments(__doc__, sizes=SIZES)
    _bench.versions("tsinit", "nfoursid")
    for T, block_rows in _bench.sizes_of(args.sizes):
        params, y = fourth_order(T)
        makers = {
            "tsinit": ("tsinit", lambda y=y, i=block_rows: Contender("tsinit", tsinit(y, 4, i))),
            "nfoursid": (
                "nfoursid",
                lambda y=y, i=block_rows: Contender("nfoursid", nfoursid(y, 4, i)),
            ),
        }
        ready, rows = _bench.prepare(makers, args.peers, moduli_check(params.A))
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"4SID, n = 4, D = 1, T = {T:,}, {block_rows} block rows", rows)


def fourth_order(T):
    """Two damped oscillations of equal power seen in white noise."""
    params, _ = _systems.system(4, 1, 10)
    A = np.zeros((4, 4))
    for k, (r, w) in enumerate(POLES):
        block = slice(2 * k, 2 * k + 2)
        A[block, block] = r * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]])
    Q = np.diag(np.repeat([1 - r**2 for r, _ in POLES], 2))
    params = params._replace(
        A=A, C=np.array([[1.0, 0.0, 1.0, 0.0]]), Q=Q, R=np.array([[0.3]]), P0=np.eye(4)
    )
    return params, _systems.simulate(params, T, np.random.default_rng(0))[1]


def moduli_check(A, tolerance=0.02):
    """A check of the eigenvalue moduli: estimates of different methods differ, blunders differ more."""
    wanted = np.sort(np.abs(np.linalg.eigvals(A)))

    def check(found):
        error = np.abs(np.sort(np.abs(np.linalg.eigvals(found))) - wanted).max()
        return f"eigenvalue moduli off by {error:.3f}" if not error < tolerance else ""

    return check


def tsinit(y, n, block_rows):
    from tsinit.init import Subspace

    strategy = Subspace(n_block_rows=block_rows)
    return lambda: strategy.dynamics(y, np.random.default_rng(0), n).A


def nfoursid(y, n, block_rows):
    import pandas as pd
    from nfoursid.nfoursid import NFourSID

    names = [f"y{k}" for k in range(y.shape[1])]
    table = pd.DataFrame(y, columns=names)

    def run():
        method = NFourSID(table, output_columns=names, num_block_rows=block_rows)
        method.subspace_identification()
        return method.system_identification(rank=n)[0].a

    return run


if __name__ == "__main__":
    main()
