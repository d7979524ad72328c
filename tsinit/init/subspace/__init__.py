"""Subspace identification (4SID): the dynamics read off a projection of the future on the past."""

from tsinit.init.subspace.strategy import Subspace

__all__ = ["Subspace"]
