"""What data there is: every file with its origin, hash, licence and citation.

A hash decides what a file is; an address only says where to ask. So a mirror, a moved address or a file
placed by hand all do, and a changed file is noticed.
"""

import difflib
from typing import NamedTuple


class DataFile(NamedTuple):
    """One file of data.

    Parameters
    ----------
    name : str
        What loaders call it.
    path : str
        Where it lies under ``TSINIT_DATA`` and under the user's cache.
    url : str
        Where it is fetched from; for a bundled file, where it is described.
    sha256 : str
        Hash of the file itself, also where the address gives a zip that holds it.
    bytes : int
        Its size.
    licence, citation : str
        Terms of use, and the reference that its authors ask for.
    bundled : str or None
        Where it lies under ``data/`` of the checkout; None if it has to be fetched.
    member : str or None
        Its name inside the zip at `url`; None if `url` is the file.
    equivalents : tuple of str
        Hashes of equally good copies, such as one with other line endings.
    """

    name: str
    path: str
    url: str
    sha256: str
    bytes: int
    licence: str
    citation: str
    bundled: str | None = None
    member: str | None = None
    equivalents: tuple[str, ...] = ()

    @property
    def is_speech(self) -> bool:
        """Whether this is a recording."""
        return self.path.endswith(".wav")


_CMU = "CMU ARCTIC licence (permissive, keep the notice): COPYING_CMU_ARCTIC"
_CMU_CITATION = (
    "Kominek, J., Black, A. W. (2004). The CMU ARCTIC speech databases. "
    "5th ISCA Speech Synthesis Workshop, 223-224."
)
_FSDD = "https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset/"
_FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_FASTTRACK = "https://raw.githubusercontent.com/FastTrackiverse/fasttrackpy/"
# Only a short form of the commit is on record (6fe43fec), so the branch is asked and the hash decides.
_ROOMS = "https://raw.githubusercontent.com/LCAV/pyroomacoustics/master/examples/input_samples/"

_FSDD_FILES = {
    "2_george_5": (6418, "cb3e726b6b4a9039f138c98a322c65ed73621cbe6e32cf84228088bca2c90f28"),
    "2_jackson_5": (7636, "49df3b86061fc8bfa2e47866b186443a1b429820e3bf38f90cd2794e12be5cd9"),
    "2_jackson_6": (7492, "88be9fd5f1d1405eddf7f78234f16298fbfbe24777f19fec634c5d786ec42316"),
    "2_theo_5": (4428, "c808b74a405d7d802e30e8e7c2e2961f4a4de0f59e1bb78f4cb8e4d2d74823da"),
    "3_george_5": (6112, "650bb00b7b9b9fe2bf5209369334589b087b86388d7d22a0e325f01c8f31fd2f"),
    "3_jackson_5": (7258, "d42d9a428d72082d102197f8166ee641b4d2c099f7da85df428aeaa07bed0f13"),
    "3_jackson_6": (7530, "d5a3614a128ff3d9e0e00dc6b093dc801cb62f69d95d51a4b58ee5debc4e7b8b"),
    "4_george_5": (7726, "608ef3875f390799736ac0891a97737798178f8e01a8a08bf188ef690204f37a"),
    "4_jackson_5": (7024, "7d0641a2bbbf2ab6436f822d88dcb3d87c69f101e62b1ab5f623a3d64b8acb04"),
    "8_george_5": (7626, "9d9dc88be157d4f2b9596121ff182bd7a502ff3adaa694cab69d5f8e8bad5bee"),
    "8_theo_5": (5058, "70b9f01fd002aa6dff7c6812cda7a59b8a0999f29f441255a7b56fe503dc43f2"),
    "9_jackson_5": (9254, "e95d78c078540eeb7f5aecc42673b80c069342137b5bf3ac67f00107d09e5056"),
    "9_theo_5": (7400, "83ed5d40635ab333b90dc625694d868b56a53fcbd51226423b4fd1daaa1280c4"),
}
_ROOM_FILES = {
    "cmu_arctic_us_aew_a0001": (
        124206,
        "d7b3b0ee49a0dbd26ea813d220a2f8d252ab47eda15af06542d4d21ec1447228",
    ),
    "cmu_arctic_us_aew_a0002": (
        128686,
        "40641becf36e6b65a3aabfd7299778bf2c67eaa8fc4ce097d5b63ff33d7096fa",
    ),
    "cmu_arctic_us_axb_a0005": (
        50126,
        "b87c4ba7d75e51b84ed86469f7a29eca99106e24f50d1f3043ab8984372b6211",
    ),
}
_FASTTRACK_FILES = {
    # The file named with a schwa holds the same bytes as aw.wav, and its commit is on record.
    "aw": (
        58246,
        "234923a4bc0f565590a96136404e5ed085f04afb6938075397071c1eb8aa9747",
        "e7745ef2b7d2716b999db3a6aca67d70379e9048/tests/test_data/%C9%99.wav",
    ),
    "ay": (
        26246,
        "f2cb436e531ac4dcb34224d36ce708c0e1a568ecf49ea341a4a9d67abf848b5e",
        "a53e614d661f2834372cf6d419bd52ad7859e9e5/tests/test_data/ay.wav",
    ),
}


def _arctic(name: str, file: str, size: int, sha256: str) -> DataFile:
    return DataFile(
        name=name,
        path=f"speech/arctic/{file}",
        url="http://www.festvox.org/cmu_arctic/",
        sha256=sha256,
        bytes=size,
        licence=_CMU,
        citation=_CMU_CITATION,
        bundled=f"arctic/{file}",
    )


_ALL = [
    DataFile(
        name="new_york_air_quality",
        path="air_quality/new_york_1973.csv",
        url="https://stat.ethz.ch/R-manual/R-devel/library/datasets/html/airquality.html",
        sha256="6220c9bc4bada1fa6c1da75e89bcd4624ee1114c1bacdd3095a2a81bce7c2480",
        bytes=3760,
        licence="public domain (measured facts)",
        citation="Chambers, J. M., Cleveland, W. S., Kleiner, B., Tukey, P. A. (1983). "
        "Graphical Methods for Data Analysis. Wadsworth.",
        bundled="new_york/airquality.csv",
    ),
    _arctic(
        "arctic_a0007",
        "arctic_a0007.wav",
        128044,
        "1b850392f8c87ee2efe5a686523f1bab61d2a38d59bc43d1127e17e406f9e57d",
    ),
    _arctic(
        "arctic_a0009",
        "arctic_a0009.wav",
        99084,
        "198d856649b370c483609bdc61558e515c6349210e6dd755e975ab1d2e468936",
    ),
    _arctic(
        "arctic_a0009_phone",
        "arctic_a0009_phone.lab",
        6553,
        "fcdc863841c1970bcc0e3725563492c3a72ba32fd7b657ba35d126b60b3b32aa",
    ),
    DataFile(
        name="formants_praat",
        path="speech/reference/formants_praat.csv",
        url="https://www.praat.org",
        sha256="f369008efcb7e8e24bf20974aa74e1978ee3e27a301a149664b2da2eb52e613f",
        bytes=40240,
        licence=_CMU,
        citation="Boersma, P., Weenink, D. Praat: doing phonetics by computer, version 6.1.38; "
        "Jadoul, Y., Thompson, B., de Boer, B. (2018). Introducing Parselmouth. J. Phonetics 71, 1-15.",
        bundled="arctic/formants_praat.csv",
        # The wider table, measured in the same way: more recordings and columns.
        equivalents=("ed71d042cb9d87dd81d0913a4e12abea5e0e26b363e835d29326aa272a25eb4f",),
    ),
    DataFile(
        name="air_quality",
        path="air_quality/AirQualityUCI.csv",
        url="https://archive.ics.uci.edu/static/public/360/air+quality.zip",
        # The member of the official zip has CRLF line endings; the copy with LF endings is equivalent.
        sha256="13277ae5d8581e80b7be09d47c7d3d06fe9b8e957078f2cf6e859f955e62f996",
        bytes=785065,
        licence="its description: research purposes only, no commercial use; its page at UCI: CC BY 4.0",
        citation="De Vito, S., Massera, E., Piga, M., Martinotto, L., Di Francia, G. (2008). On field "
        "calibration of an electronic nose for benzene estimation in an urban pollution monitoring "
        "scenario. Sensors and Actuators B 129, 750-757. doi:10.24432/C59K5F",
        member="AirQualityUCI.csv",
        equivalents=("52690e4d44e65cb651cc8c68009c950fe94ea1ddda67d588780b64c4ecf81c23",),
    ),
    *(
        DataFile(
            name=f"fsdd/{stem}",
            path=f"speech/fsdd/{stem}.wav",
            url=f"{_FSDD}{_FSDD_COMMIT}/recordings/{stem}.wav",
            sha256=sha256,
            bytes=size,
            licence="CC BY-SA 4.0",
            citation="Jackson, Z. et al. (2018). Free Spoken Digit Dataset. doi:10.5281/zenodo.1342401",
        )
        for stem, (size, sha256) in _FSDD_FILES.items()
    ),
    *(
        DataFile(
            name=stem,
            path=f"speech/arctic/{stem}.wav",
            url=f"{_ROOMS}{stem}.wav",
            sha256=sha256,
            bytes=size,
            licence=_CMU,
            citation=_CMU_CITATION,
        )
        for stem, (size, sha256) in _ROOM_FILES.items()
    ),
    *(
        DataFile(
            name=f"fasttrackpy/{stem}",
            path=f"speech/fasttrackpy/{stem}.wav",
            url=_FASTTRACK + tail,
            sha256=sha256,
            bytes=size,
            licence="MIT, copyright 2023 Josef Fruehwald",
            citation="Fruehwald, J., Barreda, S. (2023). fasttrackpy. github.com/FastTrackiverse",
        )
        for stem, (size, sha256, tail) in _FASTTRACK_FILES.items()
    ),
]

REGISTRY: dict[str, DataFile] = {file.name: file for file in _ALL}


def lookup(name: str, names: list[str] | None = None) -> DataFile:
    """Return the record of a file by its name, or by the last part of its name.

    Parameters
    ----------
    name : str
        Such as ``"air_quality"``, ``"fsdd/2_jackson_5"`` or ``"2_jackson_5"``.
    names : list of str, optional
        The names to choose from; all of them by default.

    Returns
    -------
    DataFile
        The record.

    Raises
    ------
    ValueError
        If there is no such name; the nearest one is suggested.
    """
    names = list(REGISTRY) if names is None else names
    short = {known.rpartition("/")[2]: known for known in names}
    asked = str(name)
    full = asked if asked in names else short.get(asked)
    if full is None:
        near = difflib.get_close_matches(asked, [*names, *short], n=1)
        hint = f" Did you mean {short.get(near[0], near[0])!r}?" if near else ""
        raise ValueError(f"name must be one of {sorted(names)}; got {name!r}.{hint}")
    return REGISTRY[full]
