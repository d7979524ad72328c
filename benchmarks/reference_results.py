"""Named results before and after a change that must not move them: equal to the last bit, or by how much not.

python benchmarks/reference_results.py write FILE.npz      # on the code before the change
python benchmarks/reference_results.py compare FILE.npz    # on the code after it; exits with 1 where anything differs

All three models, comparisons, data, measures and speech, through public names only, so that the same script runs
before and after modules move. Everything is seeded. Bits hold on one machine with one set of packages: versions are
in the file, and a comparison tells where they are others.
"""

# Threads are limited before NumPy is imported: sums in another order have other last bits.
# ruff: noqa: E402
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import platform
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import version

import numpy as np
from _reference import RESULTS, pieces

for _cases in ("state_space", "hidden_markov", "finite", "imputation", "comparison", "others"):
    import_module(f"_reference_{_cases}")

_PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "pandas")
_SHOWN = 3  # pieces that are named where a result differs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["write", "compare"])
    parser.add_argument("file")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="only results whose names begin so"
    )
    options = parser.parse_args()
    chosen = [
        name for name in RESULTS if options.only is None or name.startswith(tuple(options.only))
    ]
    warnings.simplefilter("ignore")  # short runs do not converge
    sys.exit((_write if options.action == "write" else _compare)(options.file, chosen))


def _write(path, names):
    found = {"versions": np.array(_versions())}
    for name in names:
        start = time.perf_counter()
        parts = _compute(name)
        found |= parts
        print(f"{name:34} {len(parts):5} pieces {time.perf_counter() - start:7.1f} s", flush=True)
    np.savez_compressed(path, **found)
    return 0


def _compare(path, names):
    with np.load(path, allow_pickle=False) as file:
        before = dict(file)
    if str(before.pop("versions")) != _versions():
        print(
            "The file was written with other versions; last bits may differ for that reason alone."
        )
    n_equal = 0
    for name in names:
        start = time.perf_counter()
        word = _difference(
            name, {path: part for path, part in before.items() if path.split("/")[0] == name}
        )
        n_equal += word == "equal"
        print(f"{name:34} {time.perf_counter() - start:7.1f} s  {word}", flush=True)
    print(f"{n_equal} of {len(names)} results are equal.")
    return int(n_equal < len(names))


def _compute(name):
    return dict(pieces(RESULTS[name](), name))


def _difference(name, before):
    """Say "equal", or what is not."""
    if not before:
        return "not in the file"
    try:
        now = _compute(name)
    except Exception as error:  # one result that cannot be computed must not hide the others
        return f"failed: {type(error).__name__}: {error}"
    odd = sorted(before.keys() ^ now.keys())
    shared = [path for path in before if path in now and not _same(before[path], now[path])]
    words = [
        f"{path[len(name) + 1 :]} by {_distance(before[path], now[path]):.3g}" for path in shared
    ]
    words += [f"{path[len(name) + 1 :]} {'missing' if path in before else 'new'}" for path in odd]
    if not words:
        return "equal"
    largest = max(
        (d for path in shared if np.isfinite(d := _distance(before[path], now[path]))),
        default=np.nan,
    )
    shown = ", ".join(words[:_SHOWN]) + (
        f", and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    )
    return f"differs by at most {largest:.3g} in {len(words)} of {len(before)} pieces: {shown}"


def _same(a, b):
    if a.dtype.kind == "U" == b.dtype.kind:  # the type of a text holds its length
        return np.array_equal(a, b)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def _distance(a, b):
    """Largest absolute difference, NaN where there is none to speak of: texts, shapes, NaN in one of them."""
    if a.shape != b.shape or "U" in (a.dtype.kind, b.dtype.kind):
        return np.nan
    a, b = (x.astype(complex if x.dtype.kind == "c" else float) for x in (a, b))
    apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(apart.max(initial=0.0))


def _versions():
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"Python {platform.python_version()}, {packages}, {platform.machine()}"


if __name__ == "__main__":
    main()
