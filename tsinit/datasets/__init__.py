"""Data: loaders of real series, simulators with known truth, and gaps by known mechanisms.

Loaders look in `path`, the folder named by ``TSINIT_DATA``, the data that ships with the package, and the
user's cache (``TSINIT_CACHE``, or the platform's cache folder), and download only as the last resort, by
hash.
`list_datasets` shows what there is, where it is, and its terms.
"""

from tsinit.datasets._ampute import ampute
from tsinit.datasets._fetch import find
from tsinit.datasets._formants import load_formant_reference
from tsinit.datasets._listing import list_datasets
from tsinit.datasets._recordings import Speech, load_speech
from tsinit.datasets._tables import load_air_quality, load_new_york_air_quality
from tsinit.datasets.regimes import SimulatedHMM, make_hmm
from tsinit.datasets.simulate import SimulatedSSM, make_lgssm
from tsinit.datasets.vowel import Vowel, make_vowel

__all__ = [
    "SimulatedHMM",
    "SimulatedSSM",
    "Speech",
    "Vowel",
    "ampute",
    "find",
    "list_datasets",
    "load_air_quality",
    "load_formant_reference",
    "load_new_york_air_quality",
    "load_speech",
    "make_hmm",
    "make_lgssm",
    "make_vowel",
]
