"""Tables as people have them: read, understood, and explained in a few sentences."""

from tsinit.tables.read import read_table
from tsinit.tables.table import Table

__all__ = ["Table", "read_table"]
