"""Adapters: what lets `compare` run a model without knowing whose it is.

An adapter answers for the models of one library that ask for one kind of start. `adapter_of` finds the one that
accepts a model; `register` adds one. An adapter is a small class with the attributes and methods of `Adapter`; it
imports its library only inside of them.
"""

from tsinit.adapters.base import Adapter, adapter_of, register
from tsinit.adapters.hmmlearn import Hmmlearn
from tsinit.adapters.own import OWN

__all__ = ["Adapter", "adapter_of", "register"]

for _adapter in (Hmmlearn, *OWN):
    register(_adapter)
