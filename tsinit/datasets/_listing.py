"""The registry as a table."""

import pandas as pd

from tsinit.datasets._download import is_intact
from tsinit.datasets._fetch import locations
from tsinit.datasets._registry import REGISTRY, DataFile


def list_datasets() -> pd.DataFrame:
    """List every file of data the package knows, and where it is now. Nothing is downloaded.

    Returns
    -------
    pandas.DataFrame
        One row a file: ``name``, ``found`` (its path, ``"not fetched"``, or ``"damaged: "`` and the path),
        ``bytes``, ``licence``, ``citation``, ``url``.
    """
    rows = [
        (file.name, _where(file), file.bytes, file.licence, file.citation, file.url)
        for file in REGISTRY.values()
    ]
    return pd.DataFrame(rows, columns=["name", "found", "bytes", "licence", "citation", "url"])


def _where(file: DataFile) -> str:
    for location in locations(file):
        if location.path.is_file():
            return (
                str(location.path)
                if is_intact(file, location.path.read_bytes())
                else f"damaged: {location.path}"
            )
    return "not fetched"
