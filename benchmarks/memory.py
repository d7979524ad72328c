"""Filter and smooth a million steps (n = 4, D = 2): seconds, and peak memory beyond the data (Linux)."""

import _bench  # noqa: I001  (before NumPy: it limits the threads)

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import _smoothers
import _systems

CONTENDERS = ["tsinit", "statsmodels", "dynamax"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="4,2,1e6")
    parser.add_argument("--peers", nargs="+", default=CONTENDERS)
    parser.add_argument("--one", help="measure this contender in this process")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, *_bench.sizes_of([args.size])[0])))
        return
    n, D, T = _bench.sizes_of([args.size])[0]
    _bench.versions(*args.peers)
    print(f"\n### Filter and smoother, n = {n}, D = {D}, T = {T:,}\n")
    print("| | CPU s | wall s | peak beyond the data, MB |\n|---|---|---|---|")
    for name in args.peers:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--one", name, "--size", args.size],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(
                f"| {name} | failed: {done.stderr.strip().splitlines()[-1][:90]} | | |", flush=True
            )
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        print(f"| {name} | {r['cpu']:.2f} | {r['wall']:.2f} | {r['peak']:.0f} |", flush=True)


def measure(name, n, D, T):
    """Peak memory of the first run at full size, seconds of the second (JAX compiles anew for each size)."""
    params, y = _systems.system(n, D, T)
    import_module(_smoothers.makers(params, y)[name][0])
    _smoothers.makers(params, y[:200].copy())[name][1]().run()  # compile
    contender = _smoothers.makers(params, y)[name][1]()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _status("VmRSS")
    contender.run()
    peak = _status("VmHWM") - before
    wall, cpu = time.perf_counter(), time.process_time()
    contender.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "peak": peak / 1024}


def _status(field):
    """A field of this process's memory, in kB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}.")


if __name__ == "__main__":
    main()
