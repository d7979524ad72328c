"""scikit-learn's own checks pass, all of them: they bring complete tables, which stay what they are."""

from reference.fcs import interpolate
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsinit.models.imputation.model import TBayesMICE

MODEL = TBayesMICE(
    init=interpolate, n_tune=2, n_draws=4, n_chains=2, n_imputations=2, random_state=0
)


@parametrize_with_checks([MODEL])
def test_scikit_learn(estimator, check):
    check(estimator)
