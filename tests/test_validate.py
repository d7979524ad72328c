"""The border: one table whatever form the data have, or one sentence naming the thing, the rule and the value."""

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from helpers import random_params

from tsinit import LinearGaussianParams, _validate
from tsinit._validate import check_series
from tsinit.models import LinearGaussianPrior, NormalInverseWishart

Y = np.array([[1.0, 2.5], [np.nan, 4.0], [5.0, np.nan], [7.0, 8.0], [-1.0, 0.0], [3.0, 3.0]])
FRAME = pd.DataFrame(Y, columns=["a", "b"])
WHOLE = np.arange(12).reshape(6, 2)


def fortran_read_only():
    y = np.asfortranarray(Y)
    y.flags.writeable = False
    return y


FORMS = {
    "array": Y,
    "lists": Y.tolist(),
    "tuples": tuple(map(tuple, Y)),
    "Fortran, read-only": fortran_read_only(),
    "strided": np.repeat(np.repeat(Y, 2, axis=0), 3, axis=1)[::2, ::3],
    "float32": Y.astype(np.float32),
    "object with None": np.where(np.isnan(Y), None, Y.astype(object)),
    "object with NA": np.where(np.isnan(Y), pd.NA, Y.astype(object)),
    "strings": Y.astype(str),
    "masked": np.ma.array(np.where(np.isnan(Y), 99.0, Y), mask=np.isnan(Y)),
    "frame": FRAME,
    "nullable": FRAME.astype("Float64"),
    "strings in a frame": FRAME.astype(object).where(FRAME.notna(), None),
    "decimals": FRAME.map(lambda v: v if np.isnan(v) else Decimal(str(v))),
    "sparse columns": FRAME.astype(pd.SparseDtype(float)),
    "columns of two levels": FRAME.set_axis(
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), axis=1
    ),
}


@pytest.mark.parametrize("X", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_numbers(X):
    panel = check_series(X)
    np.testing.assert_array_equal(panel.y, Y)
    assert panel.y.dtype == np.float64
    assert panel.y.flags.c_contiguous
    assert panel.offsets.tolist() == [0, 6]
    assert panel.offsets.dtype == np.int64


@pytest.mark.parametrize(
    "dtype", [bool, np.int8, np.uint64, np.float16, np.longdouble, "Int64", "UInt8", "boolean"]
)
def test_whole_numbers_of_every_kind_are_numbers(dtype):
    values = WHOLE > 5 if dtype in (bool, "boolean") else WHOLE
    X = pd.DataFrame(values).astype(dtype) if isinstance(dtype, str) else values.astype(dtype)
    np.testing.assert_array_equal(check_series(X).y, values.astype(float))


def test_a_series_is_a_table_of_one_column():
    panel = check_series(FRAME["a"])
    np.testing.assert_array_equal(panel.y, Y[:, :1])
    assert list(panel.columns) == ["a"]


LONG = FRAME.set_index(pd.MultiIndex.from_arrays([list("uuvvvw"), [0, 1, 0, 1, 2, 0]]))


@pytest.mark.parametrize(
    ("X", "lengths"),
    [
        ([Y[:2], Y[2:5], Y[5:]], None),
        ([FRAME[:2], FRAME[2:5], FRAME[5:]], None),
        ([Y[:2], FRAME[2:5], Y[5:].astype(object)], None),
        (Y, [2, 3, 1]),
        (Y, np.array([2, 3, 1], dtype=np.uint8)),
        (FRAME, (2, 3, 1)),
        (LONG, None),
        (LONG.rename(index={"u": 3, "v": 1, "w": 2}), None),
    ],
)
def test_sequences_of_every_form_are_the_same_panel(X, lengths):
    panel = check_series(X, lengths)
    np.testing.assert_array_equal(panel.y, Y)
    assert panel.offsets.tolist() == [0, 2, 5, 6]


def test_results_come_back_in_the_form_of_the_data():
    values = np.arange(18.0).reshape(6, 3)
    assert check_series(Y).restore(values) is not None
    np.testing.assert_array_equal(check_series(Y, [2, 4]).restore(values), values)
    np.testing.assert_array_equal(check_series(Y.tolist()).restore(values), values)
    back = check_series(LONG).restore(values, ["x", "y", "z"])
    pd.testing.assert_frame_equal(
        back, pd.DataFrame(values, index=LONG.index, columns=["x", "y", "z"])
    )
    pd.testing.assert_frame_equal(check_series(FRAME).restore(Y), FRAME)
    first, second = check_series([FRAME[:2], Y[2:]]).restore(Y)
    pd.testing.assert_frame_equal(first, FRAME[:2])
    np.testing.assert_array_equal(second, Y[2:])
    (only,) = check_series([Y]).restore(values)
    np.testing.assert_array_equal(only, values)


def put(value, row=3, column=1, dtype=object):
    X = WHOLE.astype(dtype)
    X[row, column] = value
    return X


NOT_A_TABLE = (
    "X must be a table of numbers (time x feature), a DataFrame, a Series or a list of those; got "
)
ENTRY = " Every entry of the argument must be a number, a string of a number, or missing."


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (None, ValueError, NOT_A_TABLE + "None."),
        (3.5, ValueError, NOT_A_TABLE + "3.5."),
        ("abc", ValueError, NOT_A_TABLE + "'abc'."),
        ({"a": [1]}, ValueError, NOT_A_TABLE + "{'a': [1]}."),
        ([], ValueError, NOT_A_TABLE + "an empty list."),
        ((), ValueError, NOT_A_TABLE + "an empty tuple."),
        ([Y, [[1, 2]]], ValueError, NOT_A_TABLE + "a list with [[1, 2]] in place 1."),
        ([FRAME, None], ValueError, NOT_A_TABLE + "a list with None in place 1."),
        (Y[:, 0], ValueError, "X must have two dimensions (time, feature); got shape (6,). Reshape your data: "
         "X.reshape(-1, 1) makes one series a table."),
        (Y.reshape(1, 3, 4), ValueError,
         "X must have two dimensions (time, feature); got shape (1, 3, 4). Give several "
         "sequences as a list of tables."),
        ([Y[:, 0], Y[:, 1]], ValueError, NOT_A_TABLE + "a list of arrays of one dimension, which may be rows or "
         "sequences. numpy.array(X) makes rows, [x.reshape(-1, 1) for x in X] sequences of one column."),
        ([[1, 2], [3]], ValueError, "X must have as many values in every row; got rows of different lengths."),
        (Y[:0], ValueError, "X must have at least one row; got 0 sample(s) (an empty table)."),
        (FRAME[:0], ValueError, "X must have at least one row; got 0 sample(s) (an empty table)."),
        ([Y, Y[:0]], ValueError, "X[1] must have at least one row; got 0 sample(s) (an empty table)."),
        (Y[:, :0], ValueError,
         "X must have at least one column; got 0 feature(s) (shape=(6, 0)) while a minimum of 1 is "
         "required."),
        (pd.DataFrame(), ValueError,
         "X must have at least one column; got 0 feature(s) (shape=(0, 0)) while a minimum "
         "of 1 is required."),
        (put("x"), TypeError, "X must hold numbers; got 'x' in row 3, column 1." + ENTRY),
        (put("x", dtype=str), TypeError, "X must hold numbers; got 'x' in row 3, column 1." + ENTRY),
        ([["x", "y"]], TypeError, "X must hold numbers; got 'x' in row 0, column 0." + ENTRY),
        (put({}), TypeError, "X must hold numbers; got {} in row 3, column 1." + ENTRY),
        (put(1j), TypeError, "X must hold numbers; got 1j in row 3, column 1." + ENTRY),
        (pd.DataFrame(put([1]), columns=["a", "b"]), TypeError,
         "X must hold numbers; got [1] in row 3, column 'b'." + ENTRY),
        (pd.DataFrame(put({}), columns=["a", "b"]), TypeError,
         "X must hold numbers; got {} in row 3, column 'b'." + ENTRY),
        (pd.DataFrame({"a": [1, 2], "b": ["low", None]}), TypeError,
         "X must hold numbers; got 'low' in row 0, column 'b'." + ENTRY),
        ([Y, put("x")], TypeError, "X[1] must hold numbers; got 'x' in row 3, column 1." + ENTRY),
        (pd.DataFrame({"t": pd.date_range("2020", periods=2, unit="ns")}), TypeError,
         "X must hold numbers; got the dtype datetime64[ns] in column 't'. Drop the column, or make it the index if it "
         "is the time."),
        (pd.DataFrame({"t": pd.Categorical(["x", "y"])}), TypeError,
         "X must hold numbers; got the dtype category in column 't'. Convert it to numbers, or drop it."),
        (np.zeros((2, 2), "M8[s]"), TypeError, "X must hold numbers; got an array of datetime64[s]."),
        (Y + 1j, ValueError, "Complex data not supported: X must hold real numbers; got complex128."),
        (FRAME + 1j, ValueError, "Complex data not supported: X must hold real numbers; got complex128."),
        (scipy.sparse.csr_array(np.eye(3)), TypeError,
         "X must be dense; got sparse data (csr_array). Use X.toarray()."),
        (put(np.inf, dtype=float), ValueError,
         "X must be finite, or NaN where missing; got inf in row 3, column 1."),
        (pd.DataFrame(put(-np.inf, dtype=float), columns=["a", "b"]), ValueError,
         "X must be finite, or NaN where missing; got -inf in row 3, column 'b'."),
        (put("inf"), ValueError, "X must be finite, or NaN where missing; got inf in row 3, column 1."),
        (put(-1e160, dtype=float), ValueError,
         "X must hold values of at most 1e+150 in size; got -1e+160 in row 3, column 1. Change its units."),
        (pd.DataFrame(Y, columns=["a", "a"]), ValueError,
         "X must have distinct column names; got 'a' twice. Rename one."),
        ([Y, Y[:, :1]], ValueError,
         "X must have the same columns in every sequence; got 2 in X[0] and 1 in X[1]."),
        ([FRAME, FRAME[["b", "a"]]], ValueError,
         "X must have the same columns in every sequence; got ['a', 'b'] in X[0] and ['b', 'a'] in X[1]."),
        ([Y, LONG], ValueError,
         "X[1] must have an index of one level (time), as one sequence of a list; got 2 levels."),
        (FRAME.set_index(pd.MultiIndex.from_product([[1], [2], range(6)])), ValueError,
         "X must have an index of one level (time) or two (sequence, time); got 3 levels."),
        (LONG.iloc[[0, 2, 1, 3]], ValueError,
         "X must keep the rows of a sequence together; got sequence 'u' in several places. Sort the index first."),
        (LONG.rename(index={"v": None}), ValueError,
         "The index of X must name a sequence in every row; got nan in row 2."),
    ],
)  # fmt: skip
def test_what_is_no_time_series_is_refused_by_name(X, error, message):
    with pytest.raises(error) as caught:
        check_series(X)
    assert str(caught.value) == message


POSITIVE = "lengths must be positive whole numbers, one per sequence; got "


@pytest.mark.parametrize(
    ("X", "lengths", "message"),
    [
        (Y, [2, 3], "lengths must sum to the 6 rows of X; got a sum of 5."),
        (Y, [2, 5], "lengths must sum to the 6 rows of X; got a sum of 7."),
        (Y, [2**62, 2**62], f"lengths must sum to the 6 rows of X; got a sum of {2**63}."),
        (Y, [0, 6], POSITIVE + "[0, 6]."),
        (Y, [-1, 7], POSITIVE + "[-1, 7]."),
        (Y, [3.0, 3.0], POSITIVE + "[3.0, 3.0]."),
        (Y, [True] * 6, POSITIVE + "[True, True, True, True, True, True]."),
        (Y, [], POSITIVE + "[]."),
        (Y, 6, POSITIVE + "6."),
        (Y, "33", POSITIVE + "'33'."),
        (Y, b"\x03\x03", POSITIVE + "b'\\x03\\x03'."),
        (
            Y,
            list(np.array([3, 3], "m8[D]")),
            POSITIVE + "[np.timedelta64(3,'D'), np.timedelta64(3,'D')].",
        ),
        (Y, [None, 6], POSITIVE + "[None, 6]."),
        (Y, [[3, 3]], POSITIVE + "[[3, 3]]."),
        ([Y], [6], "lengths must be None where X is a list of sequences; got both."),
        (
            LONG,
            [2, 3, 1],
            "lengths must be None where the index of X names the sequences; got both.",
        ),
    ],
)
def test_lengths_must_be_those_of_the_sequences(X, lengths, message):
    with pytest.raises(ValueError) as caught:
        check_series(X, lengths)
    assert str(caught.value) == message


def test_one_row_says_nothing_about_change():
    for X, lengths in ((Y[:1], None), ([Y[:1], Y[1:2]], None), (Y[:2], [1, 1])):
        with pytest.raises(ValueError) as caught:
            check_series(X, lengths, min_steps=2)
        assert str(caught.value) == (
            "X must have at least 2 time steps in one sequence; got n_samples = 1, which says nothing about change "
            "over time."
        )


def entropy(seed):
    return _validate.check_seed(seed).generate_state(4).tolist()


def test_equal_seeds_are_equal_and_generators_move_on():
    assert entropy(3) == entropy(np.int32(3)) == entropy(np.random.SeedSequence(3))
    assert entropy(3) != entropy(4)
    assert entropy(None) != entropy(None)
    for make in (np.random.default_rng, np.random.RandomState):
        seed = make(5)
        assert entropy(seed) != entropy(seed)
        assert entropy(make(5)) == entropy(make(5))


def test_a_child_seed_is_that_of_spawn_and_leaves_its_parent_alone():
    parent = np.random.SeedSequence(7, spawn_key=(1,))
    child = _validate.child_seed(parent, 0)
    assert parent.n_children_spawned == 0
    assert child.generate_state(4).tolist() == parent.spawn(1)[0].generate_state(4).tolist()


SEED = "random_state must be a whole number from 0, a SeedSequence, a Generator, a RandomState or None; got "
PARAMS = random_params(np.random.default_rng(0), 2, 3)


def params(**changes):
    return lambda: _validate.check_params(PARAMS._replace(**changes), 2, 3)


def prior(p=2, **changes):
    whole = {"M0": np.zeros((p, 2)), "Lam": np.eye(2), "Psi": np.eye(p), "nu": p + 2.0} | changes
    return NormalInverseWishart(**whole)


def priors(transition=None, observation=None):
    return lambda: _validate.check_prior_fits(LinearGaussianPrior(transition, observation), 2, 3)


SIZE = " for n_states=2 and 3 columns; got "


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _validate.check_seed(-1), SEED + "-1."),
        (lambda: _validate.check_seed(True), SEED + "True."),
        (lambda: _validate.check_seed(2.5), SEED + "2.5."),
        (lambda: _validate.check_seed([1]), SEED + "[1]."),
        (lambda: _validate.check_choice("x", "FULL", ("full", "diag")),
         "x must be one of ['full', 'diag']; got 'FULL'. Did you mean 'full'?"),
        (lambda: _validate.check_choice("x", None, ("full", "diag")), "x must be one of ['full', 'diag']; got None."),
        (lambda: _validate.check_choice("x", ["full"], ("full",)), "x must be one of ['full']; got ['full']."),
        (lambda: _validate.check_count("x", True), "x must be a whole number of at least 1; got True."),
        (lambda: _validate.check_count("x", 2.0), "x must be a whole number of at least 1; got 2.0."),
        (lambda: _validate.check_count("x", np.float64(1)), "x must be a whole number of at least 1; got 1.0."),
        (lambda: _validate.check_count("x", -1, 0), "x must be a whole number of at least 0; got -1."),
        (lambda: _validate.check_orders([]),
         "n_states must be a whole number of at least 1, or a sequence of those; got []."),
        (lambda: _validate.check_orders(0),
         "n_states must be a whole number of at least 1, or a sequence of those; got 0."),
        (lambda: _validate.check_orders(np.array(2)),
         "n_states must be a whole number of at least 1, or a sequence of those; got array(2)."),
        (lambda: _validate.check_orders([1, 2.5]),
         "n_states must be a whole number of at least 1 each; got 2.5."),
        (lambda: _validate.check_number("x", np.nan, 0.0), "x must be a number of at least 0; got nan."),
        (lambda: _validate.check_number("x", 2, 0, 1), "x must be a number of at least 0 and at most 1; got 2."),
        (lambda: _validate.check_number("x", True, 0.0), "x must be a number of at least 0; got True."),
        (lambda: _validate.check_flag("x", "no"), "x must be True or False; got 'no'."),
        (lambda: _validate.check_verbose("loud"), "verbose must be a whole number of at least 0; got 'loud'."),
        (lambda: _validate.check_params(PARAMS.A, 2, 3),
         "init must be LinearGaussianParams(A, C, Q, R, m0, P0, d); got ndarray."),
        (params(A=np.eye(3)), "init.A must have shape (2, 2)" + SIZE + "(3, 3)."),
        (params(C=PARAMS.C.T), "init.C must have shape (3, 2)" + SIZE + "(2, 3)."),
        (params(R=np.ones(3)), "init.R must have shape (3, 3)" + SIZE + "(3,)."),
        (params(m0=np.zeros((2, 1))), "init.m0 must have shape (2,)" + SIZE + "(2, 1)."),
        (params(A=None), "init.A must have shape (2, 2)" + SIZE + "()."),
        (params(d="a"), "init.d must hold real numbers; got 'a'."),
        (params(A=np.eye(2) * 1j), "init.A must hold real numbers; got complex ones."),
        (params(A=[[1, 2], [3]]), "init.A must hold real numbers; got [[1, 2], [3]]."),
        (params(A=np.full((2, 2), np.nan)), "init.A must be finite; got nan."),
        (params(Q=[[1.0, 0.5], [0.0, 1.0]]), "init.Q must be symmetric; got a difference of 0.5 to its transpose."),
        (params(P0=-np.eye(2)), "init.P0 must be positive semi-definite; got an eigenvalue of -1."),
        (lambda: _validate.check_prior("strong"), "prior must be None, 'weak' or a LinearGaussianPrior; got 'strong'."),
        (lambda: _validate.check_prior((None, None)),
         "prior must be None, 'weak' or a LinearGaussianPrior; got (None, None)."),
        (priors("a"), "prior.transition must be None or a NormalInverseWishart; got 'a'."),
        (priors(None, prior(2)), "prior.observation.M0 must have shape (3, 2)" + SIZE + "(2, 2)."),
        (priors(prior(Lam=-np.eye(2))),
         "prior.transition.Lam must be positive semi-definite; got an eigenvalue of -1."),
        (priors(prior(Psi=[[1.0, 0.5], [0.0, 1.0]])),
         "prior.transition.Psi must be symmetric; got a difference of 0.5 to its transpose."),
        (priors(prior(nu=0.5)), "prior.transition.nu must be a number above 1 for covariances of size 2; got 0.5."),
    ],
)  # fmt: skip
def test_values_are_refused_by_name(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


def test_good_values_pass_as_what_they_are():
    assert _validate.check_orders(np.int64(3)) == (False, [3])
    assert _validate.check_orders(range(1, 4)) == (True, [1, 2, 3])
    assert _validate.check_orders(np.array([2, 1, 2])) == (True, [2, 1])
    assert _validate.check_verbose(True) == 1
    assert _validate.check_flag("x", np.True_) is True
    assert _validate.check_choice("x", None, ("a", None)) is None
    fitting = _validate.check_prior_fits(
        LinearGaussianPrior(prior(), prior(3, Psi=np.eye(3).tolist())), 2, 3
    )
    assert isinstance(fitting.observation.Psi, np.ndarray)


def test_ready_parameters_are_copied_and_their_mean_may_be_left_out():
    lists = LinearGaussianParams(*(np.asfortranarray(part).tolist() for part in PARAMS[:6]))
    checked = _validate.check_params(lists, 2, 3)
    np.testing.assert_array_equal(checked.d, np.zeros(3))
    for name, array in checked._asdict().items():
        assert array.flags.c_contiguous
        assert not np.shares_memory(array, getattr(PARAMS, name))
    assert pickle.loads(pickle.dumps(checked)).A.tolist() == lists.A


def column(values):
    return np.array(values, dtype=float)[:, None]


def test_columns_must_be_seen_and_vary_enough_to_be_measured():
    with pytest.raises(ValueError) as caught:
        _validate.check_columns(np.column_stack([Y[:, 0], np.full(6, np.nan)]), ["a", "b"])
    assert str(caught.value) == (
        "X must have at least one observed value in every column; got none in column 'b'. Drop it."
    )
    with pytest.raises(ValueError) as caught:
        _validate.check_variation(column([0.0, 1e-160, np.nan]), [0])
    assert str(caught.value) == (
        "X must vary by at least 1e-150 in every column; got 1e-160 in column 0. Change its units."
    )


def test_a_constant_column_is_named_in_a_warning():
    with pytest.warns(UserWarning, match="Column 'level' of X is constant") as caught:
        _validate.check_columns(column([3.0, np.nan, 3.0]), ["level"])
    assert str(caught[0].message) == (
        "Column 'level' of X is constant: it says nothing about the states and is fitted by its mean with the smallest "
        "noise allowed, which adds an arbitrary constant to the log-likelihood."
    )
    assert caught[0].filename == __file__
