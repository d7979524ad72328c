"""Starts with known inputs: EM from ours against EM from N4SID and MOESP of others, and what inputs are worth.

Systems are drawn (2 to 6 states, 1 or 2 inputs and outputs, 0 to 20 dB, 500 to 5,000 rows); all starts go through the
same EM, of 200 E-steps at most. The peers are nfoursid, where it is installed, and a plain textbook N4SID and MOESP
below: Hankel matrices, one oblique projection, one singular value decomposition, least squares, the correlation of the
noises dropped (Van Overschee and De Moor, Subspace identification for linear systems, 1996, ch. 4; Verhaegen and
Dewilde, Int. J. Control 56, 1992).

Reported: how often EM from our start ends at least as high (within half a nat), and how much of the variance of new
outputs the fitted system explains by simulation, beside the true system. With --air: error of predicting the next day
of the gases of the UCI air-quality table, with and without the weather as inputs.

    python -W ignore benchmarks/known_inputs.py --systems 50
    python -W ignore benchmarks/known_inputs.py --quick
    python -W ignore benchmarks/known_inputs.py --air
"""

import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _bench import markdown

from tsinit import LinearGaussianParams, LinearGaussianSSM, datasets
from tsinit.kernels import solve_lyapunov

HALF_A_NAT = 0.5
GASES, WEATHER = ["CO", "C6H6", "NOx", "NO2"], ["T", "RH"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", type=int, default=50)
    parser.add_argument("--max-steps", type=int, default=5000)
    parser.add_argument(
        "--quick", action="store_true", help="ten systems of at most a thousand rows"
    )
    parser.add_argument("--air", action="store_true", help="the air-quality table only")
    args = parser.parse_args()
    if args.air:
        print(markdown(air_errors()))
        return
    n_systems, longest = (10, 1000) if args.quick else (args.systems, args.max_steps)
    rows = []
    for seed in range(n_systems):
        rows.append(one_system(seed, longest))
        print(rows[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    print(markdown(table.round(2)))
    print()
    print(markdown(summary(table)))


def summary(table):
    """How EM from our start ends beside EM from each peer, and what is lost against the true system."""
    rows = []
    for peer in [name[3:] for name in table if name.startswith("ll_") and name != "ll_ours"]:
        found = table[f"ll_{peer}"].notna()
        lead = table["ll_ours"] - table[f"ll_{peer}"].fillna(-np.inf)
        rows.append(
            {
                "peer": peer,
                "systems": len(table),
                "peer usable": int(found.sum()),
                "ours at least as high": f"{100 * (lead >= -HALF_A_NAT).mean():.0f} %",
                "ours higher": f"{100 * (lead > HALF_A_NAT).mean():.0f} %",
                "lost by the peer": _lost(table, peer),
                "lost by ours": _lost(table, "ours"),
            }
        )
    return pd.DataFrame(rows)


def _lost(table, name):
    """Points of simulation fit below the truth: median, share of systems within one point, and the most."""
    lost = table["fit_truth"] - table[f"fit_{name}"]
    return f"{lost.median():.2f}, {100 * (lost <= 1).mean():.0f} %, {lost.max():.1f}"


def one_system(seed, longest):
    """Draw a system, run EM from every start, and score the ends on new data."""
    rng = np.random.default_rng([seed, 17])
    n, m, D = int(rng.integers(2, 7)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    T = int(np.exp(rng.uniform(np.log(500), np.log(longest))))
    decibel = float(rng.uniform(0, 20))
    params = draw_system(rng, n, m, D, decibel)
    u, y = draw_data(params, T, rng)
    u_new, y_new = draw_data(params, 2000, rng)
    row = {"seed": seed, "n": n, "m": m, "D": D, "T": T, "dB": decibel}
    row["fit_truth"] = simulation_fit(params, u_new, y_new)
    began = time.process_time()
    for name, start in starts(y, u, n).items():
        row[f"ll_{name}"], row[f"fit_{name}"] = np.nan, np.nan
        try:
            init = start()
            model = LinearGaussianSSM(
                n, init=init, initial_state="learned_mean", max_iter=200, random_state=0
            ).fit(y, inputs=u)
        except (ValueError, np.linalg.LinAlgError):
            continue  # a start without a likelihood
        row[f"ll_{name}"] = model.log_likelihood_
        row[f"fit_{name}"] = simulation_fit(model.params_, u_new, y_new)
    row["seconds"] = time.process_time() - began
    return row


def starts(y, u, n):
    """Starts by name, each made when it is called."""
    i = max(n + 2, 10)
    found = {
        "ours": lambda: "subspace",
        "n4sid": lambda: textbook(y, u, n, i, "n4sid"),
        "moesp": lambda: textbook(y, u, n, i, "moesp"),
    }
    try:
        import nfoursid  # noqa: F401
    except ImportError:
        return found
    return found | {"nfoursid": lambda: of_nfoursid(y, u, n, i)}


def draw_system(rng, n, m, D, decibel):
    """Draw stable poles (real or in pairs), loadings and inputs; noises of as much power as the ratio says."""
    blocks, left = [], n
    while left:
        radius = rng.uniform(0.5, 0.97)
        if left > 1 and rng.random() < 0.6:
            w = rng.uniform(0.1, 2.5)
            blocks.append(radius * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]]))
            left -= 2
        else:
            blocks.append(np.array([[radius * rng.choice([-1.0, 1.0])]]))
            left -= 1
    A, k = np.zeros((n, n)), 0
    for block in blocks:
        A[k : k + len(block), k : k + len(block)] = block
        k += len(block)
    B, C = rng.standard_normal((n, m)), rng.standard_normal((D, n))
    effect = rng.standard_normal((D, m))
    noiseless = LinearGaussianParams(
        A, C, np.zeros((n, n)), np.zeros((D, D)), np.zeros(n), np.eye(n), np.zeros(D), B, effect
    )
    power = simulate(noiseless, draw_inputs(rng, 5000, m)).var(axis=0).mean()
    G = rng.standard_normal((n, n))
    Q = G @ G.T
    of_states = np.trace(C @ solve_lyapunov(A, Q) @ C.T) / D
    noise = power / 10 ** (decibel / 10)
    Q *= 0.5 * noise / of_states
    return noiseless._replace(Q=Q, R=0.5 * noise * np.eye(D), P0=solve_lyapunov(A, Q))


def draw_inputs(rng, T, m):
    """Steps of random length, as in experiments, with a little noise."""
    u = np.empty((T, m))
    for j in range(m):
        changes = rng.random(T) < rng.uniform(0.1, 0.5)
        levels = rng.choice([-1.0, 1.0], T)
        u[:, j] = levels[np.maximum.accumulate(np.where(changes, np.arange(T), 0))]
    return u + 0.1 * rng.standard_normal((T, m))


def draw_data(params, T, rng):
    u = draw_inputs(rng, T, params.B.shape[1])
    w = rng.multivariate_normal(np.zeros(len(params.A)), params.Q, T, method="eigh")
    v = rng.multivariate_normal(np.zeros(len(params.C)), params.R, T, method="eigh")
    return u, simulate(params, u, w) + v


def simulate(params, u, w=None):
    """Outputs (T, D) of inputs, from the mean of the first state, and maybe noise of the states."""
    x, y = params.m0.copy(), np.empty((len(u), len(params.C)))
    for t in range(len(u)):
        y[t] = params.C @ x + params.d + params.D @ u[t]
        x = params.A @ x + params.B @ u[t] + (0.0 if w is None else w[t])
    return y


def simulation_fit(params, u, y, burn=200):
    """Share of the variance that the response to the inputs explains, in percent, once the first state is forgotten."""
    error = (y - simulate(params, u))[burn:]
    return float(100 * (1 - (error.var(axis=0) / y[burn:].var(axis=0)).mean()))


def textbook(y, u, n, i, kind):
    """N4SID (approximate states, then one regression) or MOESP (shift of the observability matrix), as in books."""
    y_mean, u_mean = y.mean(axis=0), u.mean(axis=0)
    Y, U = hankel(y - y_mean, 2 * i), hankel(u - u_mean, 2 * i)
    D, m = y.shape[1], u.shape[1]
    now = projection(Y[i * D :], U[i * m :], np.vstack([U[: i * m], Y[: i * D]]))
    past = np.vstack([U[: (i + 1) * m], Y[: (i + 1) * D]])
    after = projection(Y[(i + 1) * D :], U[(i + 1) * m :], past)
    W, s, _ = np.linalg.svd(now, full_matrices=False)
    gamma = W[:, :n] * np.sqrt(s[:n])
    x, x_next = np.linalg.pinv(gamma) @ now, np.linalg.pinv(gamma[:-D]) @ after
    y_now, u_now = Y[i * D : (i + 1) * D], U[i * m : (i + 1) * m]
    target = np.vstack([x_next, y_now])
    if kind == "n4sid":
        theta = np.linalg.lstsq(np.vstack([x, u_now]).T, target.T, rcond=None)[0].T
        AC, BD = theta[:, :n], theta[:, n:]
    else:
        A = np.linalg.lstsq(gamma[:-D], gamma[D:], rcond=None)[0]
        AC = np.vstack([A, gamma[:D]])
        BD = np.linalg.lstsq(u_now.T, (target - AC @ x).T, rcond=None)[0].T
    noise = target - AC @ x - BD @ u_now
    S = noise @ noise.T / noise.shape[1]
    return as_params(AC[:n], BD[:n], AC[n:], BD[n:], S[:n, :n], S[n:, n:], y_mean, u_mean)


def hankel(z, n_block_rows):
    columns = len(z) - n_block_rows + 1
    return np.vstack([z[k : k + columns].T for k in range(n_block_rows)])


def projection(Y, U, W):
    """Oblique projection of Y along U on W."""
    both = np.linalg.lstsq(np.vstack([W, U]).T, Y.T, rcond=None)[0].T
    return both[:, : len(W)] @ W


def as_params(A, B, C, effect, Q, R, y_mean, u_mean):
    """Parameters with dynamics inside the circle, and means put back."""
    n = len(A)
    radius = np.abs(np.linalg.eigvals(A)).max()
    if radius > 0.995:
        A = A * (0.995 / radius)
    R = np.diag(np.maximum(np.diag(R), 1e-6 * np.diag(R).max()))
    shift = np.linalg.solve(np.eye(n) - A, B @ u_mean)  # mean of the states under mean inputs
    d = y_mean - effect @ u_mean - C @ shift
    return LinearGaussianParams(A, C, Q, R, shift, solve_lyapunov(A, Q), d, B, effect)


def of_nfoursid(y, u, n, i):
    """The peer's system; its noises are those of outputs, then states."""
    from nfoursid.nfoursid import NFourSID

    outputs, inputs = ([f"{c}{k}" for k in range(z.shape[1])] for c, z in (("y", y), ("u", u)))
    y_mean, u_mean = y.mean(axis=0), u.mean(axis=0)
    table = pd.DataFrame(np.hstack([y - y_mean, u - u_mean]), columns=outputs + inputs)
    method = NFourSID(table, output_columns=outputs, input_columns=inputs, num_block_rows=i)
    method.subspace_identification()
    found, noise = method.system_identification(rank=n)
    D = y.shape[1]
    return as_params(
        found.a, found.b, found.c, found.d, noise[D:, D:], noise[:D, :D], y_mean, u_mean
    )


def air_errors(orders=(1, 2, 3, 4)):
    """Root mean square error of predicting the next day, in the winter and spring after the fit.

    Logarithms of daily means; the weather of the day that is predicted is known, as from a perfect forecast.
    """
    table = datasets.load_air_quality()
    daily = table[[*GASES, *WEATHER]].resample("D").mean()
    gases = np.log(daily[GASES])
    weather = daily[WEATHER].interpolate(limit_direction="both")
    fit, held_out = slice(None, "2004-12-31"), slice("2005-01-01", None)
    rows = []
    for n in orders:
        for name, inputs in (("no inputs", None), ("temperature and humidity", weather)):
            given = {} if inputs is None else {"inputs": inputs.loc[fit]}
            model = LinearGaussianSSM(n, random_state=0, max_iter=300).fit(gases.loc[fit], **given)
            beside = {} if inputs is None else {"inputs": inputs}
            errors = (gases - model.predict(gases, **beside).means).loc[held_out]
            ahead = {name: float(np.sqrt((errors[name] ** 2).mean())) for name in errors}
            rows.append({"states": n, "inputs": name, "BIC": round(model.bic()), **ahead})
    found = pd.DataFrame(rows)
    found["all"] = np.sqrt((found[GASES] ** 2).mean(axis=1))
    return found.round(3)


if __name__ == "__main__":
    main()
