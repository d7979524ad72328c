"""Options of the four models, within what is documented and just outside."""

from hypothesis import strategies as st

from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM, TBayesMICE

DYNAMICS = [
    "subspace",
    "n4sid",
    "moesp",
    "lpc",
    "lpc_loose",
    "factor_analysis",
    "kmeans",
    "uniform",
    "eigen",
]
LABELS = [
    "kmeans", "kmeans++", "kmedoids", "agglomerative", "jump", "gaussian_mixture", "short_em", "subspace", "uniform",
    "segments", "one_state", "local_dynamics", "split_merge", "restarts",
]  # fmt: skip
FILLS = [
    "linear", "time", "seasonal", "forward", "backward", "mean", "median", "knn", "kmeans", "low_rank", "subspace",
    "hot_deck", "uniform",
]  # fmt: skip
EMISSIONS = [
    "gaussian", "gaussian", "gaussian_diag", "gaussian_known_variance", "student_t", "poisson", "negative_binomial",
    "zero_inflated_poisson", "zero_inflated_negative_binomial", "categorical", "von_mises", "autoregressive",
    "autoregressive_diag", {0: "student_t"}, {(1, 0): "gaussian"}, {0: "gaussian", 1: "zero_inflated_poisson"},
]  # fmt: skip


def _some(outside, **choices):
    """Any of these options, or the default of each; rarely one from outside of what is documented."""
    within = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(few) for name, few in choices.items()}
    )
    wrong = st.sampled_from([{}] * 9 * len(outside) + [{name: value} for name, value in outside])
    return st.builds(lambda good, bad: {**good, **bad}, within, wrong)


def state_space():
    """Options of a state-space model."""
    return _some(
        [
            ("n_states", 0),
            ("n_states", 1.5),
            ("n_states", 70),
            ("init", "none"),
            ("max_iter", -1),
            ("tol", -1.0),
            ("n_init", 0),
            ("noise_floor", 1.1),
            ("order_criterion", "icl"),
        ],
        n_states=[1, 1, 2, 3, 6, [1, 2]],
        order_criterion=["bic", "aic", "held_out"],
        init=[*DYNAMICS, "auto"],
        transition_cov=["full", "diag", "spherical", "fixed"],
        observation_cov=["full", "diag", "spherical", "fixed"],
        max_iter=[0, 1, 8],
        tol=[0.0, 1e-6, 1e300],
        n_init=[1, 2],
        initial_state=["auto", "stationary", "learned", "fixed"],
        accelerate=[True, False],
        prior=[None, "weak"],
        noise_floor=[0.0, 1e-300, 1e-6, 0.5, 1.0],
    ).map(lambda options: LinearGaussianSSM(**{"max_iter": 5, "random_state": 0, **options}))


def hidden_markov():
    """Options of an infinite hidden Markov model."""
    return _some(
        [
            ("init", "none"),
            ("n_init_states", 0),
            ("n_tune", -1),
            ("n_draws", 0),
            ("priors", {"rho": (0, 1)}),
        ],
        init=[*LABELS, "auto"],
        n_init_states=["auto", 1, 3, 10, 100],
        emission=EMISSIONS,
        sticky=[True, False],
        n_tune=[0, 1, 5],
        n_draws=[1, 5],
        thin=[1, 2],
        n_chains=[1, 3],
        priors=[
            None,
            {"alpha": (1e-3, 1e-3)},
            {"gamma": (1e300, 1.0)},
            {"rho": (1e-9, 1.0)},
        ],
        n_jobs=[1, 2],
    ).map(
        lambda options: InfiniteHMM(
            **{"n_tune": 3, "n_draws": 4, "n_chains": 2, "random_state": 0, **options}
        )
    )


def finite_hidden_markov():
    """Options of a hidden Markov model with a given number of states."""
    return _some(
        [
            ("n_states", 0),
            ("n_states", 70),
            ("init", "none"),
            ("max_iter", -1),
            ("tol", -1.0),
            ("prior", "strong"),
            ("transitions", [[0.5, 0.4], [0.5, 0.5]]),
            ("start_probabilities", "first"),
            ("stickiness", -1.0),
            ("order_criterion", "aic"),
        ],
        n_states=[1, 2, 2, 3, 5, [1, 2]],
        order_criterion=["bic", "icl", "held_out"],
        init=[*LABELS, "auto"],
        emission=EMISSIONS,
        transitions=[
            None,
            [[0.9, 0.1], [0.0, 1.0]],
            ("fixed", [[0.5, 0.5], [0.2, 0.8]]),
            [[True, True], [False, True]],
        ],
        start_probabilities=[None, [1.0, 0.0], ("fixed", [0.5, 0.5])],
        max_iter=[0, 1, 8, 50],
        tol=[0.0, 1e-6, 1e300],
        n_init=[1, 3],
        accelerate=[True, False],
        prior=[None, "weak"],
        stickiness=[0.0, 0.0, 5.0, 1e300],
    ).map(lambda options: HiddenMarkovModel(**{"max_iter": 20, "random_state": 0, **options}))


def imputation():
    """Options of an imputer."""
    return _some(
        [
            ("init", "none"),
            ("lags", -1),
            ("period", 1.0),
            ("period", 1e-300),
            ("harmonics", 0),
            ("n_imputations", 0),
            ("n_draws", 0),
            ("prior_scale", 0.0),
            ("bounds", (2, 1)),
        ],
        method=["fcs", "var", "state_space", "auto"],
        n_states=[None, 1, 3],
        sampler=["mala", "rwm", "gibbs"],
        init=[*FILLS, "auto"],
        lags=[0, 1, 2, 7, 33],
        lag_features=["all", "own"],
        period=["auto", None, 7, [7, 30.5], 1e300],
        harmonics=[2, 1, 5, "auto"],
        transforms=["auto", None, "yeo-johnson", "log", "sqrt"],
        noise=["normal", "student_t"],
        n_imputations=[1, 2],
        n_tune=[0, 5],
        n_draws=[1, 6],
        n_chains=[1, 2],
        prior_scale=[1e-6, 5.0, 1e300],
        bounds=[None, (0, None), (None, 1e300), (-1, 1)],
        n_jobs=[1, 2],
    ).map(
        lambda options: TBayesMICE(
            **{
                "n_tune": 4,
                "n_draws": 4,
                "n_chains": 2,
                "n_imputations": 2,
                "random_state": 0,
                **options,
            }
        )
    )
