"""scikit-learn's own checks pass, all of them: they bring complete tables, which stay what they are."""

from reference.fcs import interpolate
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsinit.models.imputation.model import TBayesMICE


class Interpolate:
    """A function whose name holds no address: the names of tests are the same in every process."""

    def __call__(self, y, offsets=None):
        return interpolate(y, offsets)

    def __repr__(self):
        return "interpolate"


MODEL = TBayesMICE(
    init=Interpolate(), n_tune=2, n_draws=4, n_chains=2, n_imputations=2, random_state=0
)


@parametrize_with_checks([MODEL])
def test_scikit_learn(estimator, check):
    check(estimator)
