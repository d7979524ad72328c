"""Smoothed means, covariances and the log-likelihood: tsinit against its peers, complete and with gaps."""

import _bench
import _smoothers
import _systems

SIZES = ["2,1,1e4", "4,2,1e4", "10,5,1e4", "16,1,1e4", "32,16,5e3"]


def main():
    args = _bench.arguments(__doc__, sizes=SIZES, missing=["0", "0.2"])
    _bench.versions("tsinit", "statsmodels", "dynamax", "jax", "cuthbert", "pykalman", "filterpy")
    for n, D, T in _bench.sizes_of(args.sizes):
        for missing in map(float, args.missing):
            params, y = _systems.system(n, D, T, missing=missing)
            check = _systems.smoother_check(params, y)
            ready, rows = _bench.prepare(_smoothers.makers(params, y), args.peers, check)
            rows += _bench.race(ready, args.seconds)
            gaps = f"{missing:.0%} missing" if missing else "complete"
            _bench.show(f"Filter and smoother, n = {n}, D = {D}, T = {T:,}, {gaps}", rows)


if __name__ == "__main__":
    main()
