"""Reference formants of the recordings, as Praat measured them."""

import pandas as pd

from tsinit.datasets._fetch import find
from tsinit.datasets._registry import REGISTRY, lookup

_COLUMNS = ["f0", "F1", "F2", "F3"]


def load_formant_reference(name: str = "arctic_a0007", path=None) -> pd.DataFrame:
    """Load the formants that Praat measured in a recording, every 10 ms.

    They are roots of a linear predictor (Burg's method on windows of 25 ms) in rising order, with an error of their
    own, and not a truth: a model that is a linear predictor, or starts as one, is favoured by them.

    The two utterances that ship with the package are there in any case; a wider table under ``TSINIT_DATA``
    (``speech/reference/formants_praat.csv``) holds the other recordings too.

    Parameters
    ----------
    name : str
        Name of a recording, as `load_speech` takes it.
    path : path-like, optional
        An own table in the layout of ``data/arctic/formants_praat.csv``, or a folder that holds it.

    Returns
    -------
    pandas.DataFrame, (n_frames, 4) float
        Indexed by ``time`` in seconds, the centre of each frame. Columns ``f0`` (pitch), ``F1``, ``F2``, ``F3`` in
        Hz, NaN where there is none. Formants are given for silent frames as well: `tsinit.speech.voiced` tells
        which frames to look at.

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
    recording = lookup(name, [known.name for known in REGISTRY.values() if known.is_speech])
    place = find("formants_praat", path)
    table = pd.read_csv(place)
    lacking = [column for column in ["file", "t", *_COLUMNS] if column not in table.columns]
    if lacking:
        raise ValueError(f"{place} must have the columns {['file', 't', *_COLUMNS]}; got {list(table.columns)}. "
                         "Is it another table?")
    rows = table[table["file"] == recording.path.removeprefix("speech/")]
    if rows.empty:
        raise ValueError(f"name must be a recording with reference formants; got {name!r}. "
                         f"{place.name} holds {sorted(table['file'].unique())}.")
    return rows.set_index(pd.Index(rows["t"], name="time"))[_COLUMNS].astype(float)
