"""The seed that a run started from: shared by all strategies of a replicate, and rebuilt from text."""

import zlib

import numpy as np


def cell_seed(entropy: int, dataset: str, replicate: int) -> np.random.SeedSequence:
    """Return the seed that every strategy shares in one replicate of one data set.

    The estimator derives child 0 for its start and child 1 for its run, so strategies are paired. The key holds
    a checksum of the data set's name instead of its position: adding another changes nothing.

    Parameters
    ----------
    entropy : int
    dataset : str
    replicate : int

    Returns
    -------
    numpy.random.SeedSequence
    """
    return np.random.SeedSequence(
        entropy=entropy, spawn_key=(zlib.crc32(dataset.encode()), replicate)
    )


def seed_text(seed: np.random.SeedSequence, purpose: int) -> str:
    """Write child ``purpose`` of a seed as text, ``"entropy:key,key,..."``, which rebuilds it.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
    purpose : {0, 1}
        0 for the start, 1 for the run.
    """
    return f"{seed.entropy}:{','.join(map(str, (*seed.spawn_key, purpose)))}"


def seed_from_text(text: str) -> np.random.SeedSequence:
    """Rebuild the seed that :func:`seed_text` wrote.

    Parameters
    ----------
    text : str
        For example ``"0:2271034571,3,0"``.

    Returns
    -------
    numpy.random.SeedSequence

    Raises
    ------
    ValueError
        It is no such text.
    """
    try:
        entropy, key = text.split(":")
        return np.random.SeedSequence(
            entropy=int(entropy), spawn_key=tuple(map(int, key.split(",")))
        )
    except (AttributeError, ValueError):
        raise ValueError(
            f"text must be a seed of a run, such as '0:2271034571,3,0'; got {text!r}."
        ) from None
