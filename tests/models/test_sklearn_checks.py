"""scikit-learn's own checks pass, with exactly the two declared failures: the order of time matters."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM

EXPECTED = {
    "check_methods_sample_order_invariance": "the order of the rows is their order in time",
    "check_methods_subset_invariance": "rows cut out of a series are another series",
}


MODELS = [
    LinearGaussianSSM(max_iter=5, random_state=0),
    HiddenMarkovModel(2, max_iter=5, random_state=0),
    # From several states: with one alone, the order of rows would not matter.
    InfiniteHMM(n_tune=5, n_draws=5, n_chains=1, n_init_states=5, random_state=0),
]


@parametrize_with_checks(MODELS, expected_failed_checks=lambda _: EXPECTED)
def test_scikit_learn(estimator, check):
    check(estimator)
