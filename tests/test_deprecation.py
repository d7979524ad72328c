"""Old names still work, and say what to write instead."""

import pytest

from tsinit._deprecation import renamed_keyword


@renamed_keyword("steps", "n_steps")
def ahead(n_steps, X=None):
    return n_steps, X


def test_an_old_keyword_warns_once_and_does_what_the_new_one_does():
    assert ahead(3) == ahead(n_steps=3) == (3, None)
    with pytest.warns(FutureWarning) as caught:
        assert ahead(steps=3, X=1) == (3, 1)
    assert [str(w.message) for w in caught] == [
        "steps is now called n_steps; the old name goes in 0.3."
    ]
    assert caught[0].filename == __file__


def test_an_argument_cannot_be_given_under_both_names():
    with pytest.raises(TypeError, match=r"^steps must not be given beside n_steps"):
        ahead(n_steps=1, steps=2)


def test_a_renamed_keyword_leaves_the_signature_and_the_docstring():
    assert ahead.__wrapped__.__code__.co_varnames[:2] == ("n_steps", "X")
    assert ahead.__name__ == "ahead"
