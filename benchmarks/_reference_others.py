"""Reference results of simulators, loaders, measures and speech."""

import numpy as np
from _reference import result

from tsinit import LinearGaussianSSM, metrics, speech
from tsinit.datasets import (
    ampute,
    load_formant_reference,
    load_new_york_air_quality,
    load_speech,
    make_hmm,
    make_lgssm,
    make_vowel,
)

_POLE = 0.97 * np.exp(0.3j)


@result
def simulators():
    return {
        "lgssm": (
            make_lgssm(random_state=0),
            make_lgssm(90, 5, 3, spectral_radius=0.8, snr=2.0, missing=0.3, random_state=1),
            make_lgssm(
                (30, 50), eigenvalues=[_POLE, _POLE.conjugate(), 0.9], missing=0.1, random_state=2
            ),
            make_lgssm(20, 1, 1, n_sequences=3, random_state=3),
        ),
        "hmm": (
            make_hmm(random_state=0),
            make_hmm(
                80,
                4,
                2,
                persistence=0.9,
                means=(0.0, 5.0),
                correlation=0.4,
                df=4.0,
                missing=0.2,
                random_state=1,
            ),
            make_hmm((40, 30), 2, 2, means=[[0.0, 1.0], [3.0, -1.0]], random_state=2),
            make_hmm(25, 2, n_sequences=2, random_state=3),
        ),
        "vowel": (
            make_vowel(random_state=0),
            make_vowel(
                [(500.0, 700.0), (1500.0, 1200.0)],
                [60.0, 90.0],
                f0=None,
                snr_db=20.0,
                random_state=1,
            ),
        ),
    }


@result
def gaps():
    air = load_new_york_air_quality()
    complete = make_lgssm((60, 50), 2, 3, random_state=0).y
    found = {}
    for mechanism in ("mcar", "mar", "mnar", "block", "blackout", "monotone"):
        options = {"rate": 0.25, "length": (3, 9), "random_state": 1}
        found[mechanism] = (
            ampute(air, mechanism, **options),
            ampute(complete, mechanism, strength=2.0, **options),
        )
    return found


@result
def loaders():
    sounds = [load_speech(name) for name in ("arctic_a0007", "arctic_a0009")]
    return {
        "air": load_new_york_air_quality(),
        "speech": [(sound.signal, sound.fs, sound.phones) for sound in sounds],
        "formants": load_formant_reference(None),
    }


@result
def measures_of_imputation():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((30, 3)).cumsum(axis=0)
    many = truth + rng.standard_normal((12, 30, 3))
    estimate, lower, upper = many.mean(axis=0), *np.quantile(many, [0.1, 0.8], axis=0)
    where = rng.random(truth.shape) < 0.4
    found = {}
    for name, options in (
        ("all", {}),
        ("where", {"where": where}),
        ("columns", {"where": where, "axis": 0}),
    ):
        found[name] = {
            "errors": (
                metrics.rmse(truth, estimate, **options),
                metrics.mae(truth, estimate, **options),
            ),
            "crps": [metrics.crps(truth, many, fair=fair, **options) for fair in (False, True)],
            "interval": metrics.interval_score(truth, lower, upper, 0.7, **options),
            "coverage": metrics.coverage(truth, lower, upper, **options),
        }
    found["nrmse"] = [
        metrics.nrmse(truth, estimate, kind, where=where) for kind in ("sd", "range", "mean", "iqr")
    ]
    found["pit"] = metrics.pit(truth, many, where=where, rng=np.random.default_rng(1))
    return found


@result
def measures_of_labels_and_spectra():
    rng = np.random.default_rng(0)
    a, b = rng.integers(4, size=(2, 80))
    b[:50] = a[:50]
    names = ("adjusted_rand_index", "binder_loss", "matched_accuracy", "variation_of_information")
    found = {
        name: (getattr(metrics, name)(a, b), getattr(metrics, name)(b, a // 2)) for name in names
    }
    for name in (
        "eigenvalues",
        "eigenvector_condition",
        "spectral_radius",
        "stable_rank",
        "svd_entropy",
    ):
        found[name] = [
            getattr(metrics, name)(rng.standard_normal(shape))
            for shape in ((3, 3), (5, 5), (2, 4, 4))
        ]
    return found


@result
def formants_of_speech():
    """Tracks of half a second of a recording, from several starts, against the reference."""
    sound = load_speech("arctic_a0007")
    reference = load_formant_reference("arctic_a0007")[["F1", "F2", "F3"]]
    times = np.asarray(reference.index)
    chosen = (times > 0.5) & (times < 0.9)
    found = {}
    for init, options in (
        ("cva", {"ahead": 0.005}),
        ("lpc", {"warm_start": True}),
        ("uniform", {"cutoff": None}),
    ):
        model = LinearGaussianSSM(
            14, init=init, observation_cov="spherical", max_iter=6, random_state=0
        )
        done = speech.formant_tracks(sound.signal, sound.fs, model, times=times[chosen], **options)
        nearest = speech.assign_to_reference(done.candidates, reference[chosen])
        found[init] = {
            "tracks": (done.times, done.frequencies, done.bandwidths, done.voiced, done.table()),
            "models": (
                done.log_likelihood,
                done.history,
                done.predictive,
                done.candidates,
                done.params,
            ),
            "scores": (
                speech.roughness(done.frequencies),
                speech.track_error(done.frequencies, reference[chosen]),
            ),
            "nearest": (nearest, speech.resolved(done.candidates, (300.0, 800.0))),
        }
    return found


@result
def pieces_of_speech():
    sound = load_speech("arctic_a0009")
    x = speech.resample(sound.signal[8000:24000], sound.fs, 10_000.0)
    shaped = speech.pre_emphasis(x, 10_000.0)
    cut = speech.frames(shaped, 10_000.0, window="hamming", normalise=True)
    params = (
        LinearGaussianSSM(10, init="lpc", max_iter=2, random_state=0)
        .fit(cut.values[20][:, None])
        .params_
    )
    vowel = make_vowel(random_state=0)
    return {
        "frames": (x, shaped, cut),
        "voiced": speech.voiced(speech.frames(x, 10_000.0).values, 10_000.0),
        "cepstra": (
            speech.cepstra(cut.values, 10_000.0),
            speech.cepstra(cut.values, 10_000.0, 8, n_bands=16),
        ),
        "model": (speech.formants(params, 10_000.0), speech.spectrum(params, 10_000.0, 64)),
        "vowel": speech.formants(
            LinearGaussianSSM(6, init="cva", max_iter=3).fit(vowel.signal[:400, None]).params_,
            vowel.fs,
        ),
    }
