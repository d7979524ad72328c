"""Reference formants of the recordings, as Praat measured them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tsinit.datasets._fetch import find
from tsinit.datasets._registry import REGISTRY, lookup

if TYPE_CHECKING:
    from tsinit._typing import StrPath

_COLUMNS = ["f0", "F1", "F2", "F3"]


def load_formant_reference(
    name: str | None = "arctic_a0007", path: StrPath | None = None
) -> pd.DataFrame:
    """Load the formants that Praat measured in a recording, every 10 ms.

    They are roots of a linear predictor (Burg's method on windows of 25 ms) in rising order, with an error of their
    own, and not a truth: a model that is a linear predictor, or starts as one, is favoured by them.

    The two utterances that ship with the package are there in any case; a wider table under ``TSINIT_DATA``
    (``speech/reference/formants_praat.csv``) holds the other recordings too.

    Parameters
    ----------
    name : str or None
        Name of a recording, as `load_speech` takes it; None for all recordings of the table.
    path : path-like, optional
        A table of your own in the layout of ``data/arctic/formants_praat.csv``, or a folder that holds it.

    Returns
    -------
    pandas.DataFrame, (n_frames, 4) float
        Indexed by ``time`` in seconds, the centre of each frame. Columns ``f0`` (pitch), ``F1``, ``F2``, ``F3`` in
        Hz, NaN where there is none. Formants are given for silent frames as well: `tsinit.speech.voiced` marks
        the frames to use. For all recordings, the index is (``recording``, ``time``).

    Raises
    ------
    ValueError
        If there is no recording of that name, the table does not hold it, or the file is another table.

    References
    ----------
    Boersma and Weenink, Praat: doing phonetics by computer (version 6.1.38, through Parselmouth 0.4.7).

    Examples
    --------
    >>> from tsinit.datasets import load_formant_reference
    >>> load_formant_reference("arctic_a0007").shape
    (396, 4)
    """
    speech = {
        known.path.removeprefix("speech/"): known.name
        for known in REGISTRY.values()
        if known.is_speech
    }
    wanted = None if name is None else lookup(name, list(speech.values())).name
    source = find("formants_praat", path)
    table = pd.read_csv(source)
    absent = [column for column in ["file", "t", *_COLUMNS] if column not in table.columns]
    if absent:
        raise ValueError(
            f"{source} must have the columns {['file', 't', *_COLUMNS]}; got {list(table.columns)}. "
            "Is it another table?"
        )
    index = pd.MultiIndex.from_arrays(
        [table["file"].map(speech), table["t"]], names=["recording", "time"]
    )
    values = table[_COLUMNS].astype(float).set_axis(index)
    if wanted is None:
        return values
    available = sorted(index.unique("recording"))
    if wanted not in available:
        raise ValueError(
            f"name must be a recording with reference formants; got {name!r}. {source.name} holds {available}."
        )
    return values[index.get_level_values("recording") == wanted].droplevel("recording")
