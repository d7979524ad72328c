"""The report in a browser: nothing overlaps or is cut off without a cue, no message, no request, light and dark."""

import json
import re
import shutil
import subprocess
import warnings

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker

from tsinit.comparison import compare
from tsinit.comparison.report.imputation import imputation_page
from tsinit.models import TBayesMICE

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

#: Before anything else: what would be said on the console.
LISTEN = """<script>
window.said = [];
addEventListener("error", event => said.push(event.message));
for (const kind of ["error", "warn"]) console[kind] = (...words) => said.push(words.join(" "));
</script>"""
#: After everything else: what a reader would see.
PROBE = """<script>
const width = document.documentElement.clientWidth;
const scrolls = element => element.closest(".wide, nav, pre");
const cut = [], overlaps = [];
for (const element of document.querySelectorAll("body *")) {
  const box = element.getBoundingClientRect();
  if (box.width && box.right > width + 1 && !scrolls(element)) cut.push(element.outerHTML.slice(0, 80));
}
for (const svg of document.querySelectorAll("figure svg")) {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll("text")].map(text => [text, text.getBoundingClientRect()]);
  for (const [text, box] of boxes)
    if (box.left < frame.left - 8 || box.right > frame.right + 8 || box.top < frame.top - 8 ||
        box.bottom > frame.bottom + 8) cut.push(text.textContent);
  const level = boxes.filter(([text]) => !/rotate/.test(text.getAttribute("transform") || ""));
  level.forEach(([one, a], i) => level.slice(i + 1).forEach(([other, b]) => {
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3) overlaps.push([one.textContent, other.textContent]);
  }));
}
const table = document.querySelector("table");
const column = () => [...table.tBodies[0].rows].map(row => row.cells[5].textContent);
table.tHead.rows[0].cells[5].click();
const up = column();
table.tHead.rows[0].cells[5].click();
const tables = [...document.querySelectorAll(".wide")].filter(one => one.scrollWidth > one.clientWidth + 1);
const found = {
  said, cut, overlaps, up, down: column(), asked: performance.getEntriesByType("resource").map(entry => entry.name),
  wider: document.documentElement.scrollWidth - width, width, scrolled: tables.length,
  cues: tables.filter(one => getComputedStyle(one).backgroundImage.includes("gradient")).length,
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector("figure svg text")).fill,
};
const answer = document.createElement("pre");
answer.id = "answer";
answer.textContent = JSON.stringify(found);
document.body.append(answer);
</script>"""


def _run(folder, *options):
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", *options],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _data():
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=60)
    data = pd.DataFrame(rng.normal(100, 30, (60, 2)), days, ["a rather long name of a column", "y"])
    data.iloc[10:14, 0] = np.nan
    return data


class Climber(Hills):
    """Of starts with a value a row, as the sampler has them, takes the first."""

    def _start(self, X, rng):
        return float(self.init(X, rng)[0])


def _comparison():
    """A climber and a sampler, on two columns with gaps."""
    starts = {
        "a start with a name that is long": lambda X, rng: rng.uniform(-1.5, 1.5, 60),
        "right": lambda X, rng: rng.uniform(0.2, 1.5, 60),
    }
    models = {"climb": Climber(), "walk": Walker()}
    return compare(models, _data(), starts, n_seeds=6, progress=False)


def _imputation():
    """A page on two chains of a few draws."""
    model = TBayesMICE(n_tune=5, n_draws=20, n_chains=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few draws
        model.fit(_data())
    return imputation_page(model, _data(), title="Gaps", notes=["A note."], summary="Two\nlines.")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The files of both pages."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "imputation.html").write_text(_imputation(), encoding="utf-8")
    _comparison().report(folder / "comparison.html")
    return folder


@pytest.fixture(scope="module", params=["comparison", "imputation"])
def page(request, pages):
    """The file of one."""
    return pages / f"{request.param}.html"


@pytest.fixture(scope="module", params=[(1280, 1), (500, 0)], ids=["wide, light", "narrow, dark"])
def seen(request, page, tmp_path_factory):
    """What a browser says of the page."""
    width, scheme = request.param
    folder = tmp_path_factory.mktemp("browser")
    text = page.read_text(encoding="utf-8")
    probed = text.replace("<head>", f"<head>{LISTEN}").replace("</body>", f"{PROBE}</body>")
    (folder / "page.html").write_text(probed, encoding="utf-8")
    options = [f"--window-size={width},900", f"--blink-settings=preferredColorScheme={scheme}"]
    done = _run(folder / "profile", *options, "--dump-dom", f"file://{folder / 'page.html'}")
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    return (
        width,
        scheme,
        json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")),
    )


def test_nothing_is_said_on_the_console_and_nothing_asked_for(seen):
    assert seen[2]["said"] == []
    assert seen[2]["asked"] == []


def test_nothing_overlaps_and_nothing_is_cut_off_without_a_cue(seen):
    width, _, found = seen
    assert 0 <= width - found["width"] <= 20  # a scroll bar
    assert found["wider"] == 0
    assert found["cut"] == []
    assert found["overlaps"] == []
    assert found["cues"] == found["scrolled"]


def test_pictures_have_the_colours_of_the_page(seen):
    _, scheme, found = seen

    def light(colour):
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    paper, ink = light(found["paper"]), light(found["ink"])
    assert (paper > 200 and ink < 60) if scheme else (paper < 60 and ink > 200)


def test_tables_are_sorted_by_a_click(seen):
    up, down = ([float(cell.replace(",", "")) for cell in seen[2][way]] for way in ("up", "down"))
    assert up == sorted(up)
    assert down == up[::-1]


def test_the_page_prints(page, tmp_path):
    target = tmp_path / "page.pdf"
    _run(
        tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={target}", f"file://{page}"
    )
    pages = target.read_bytes().count(b"/Type /Page\n")
    assert 1 <= pages <= 7  # up to seventeen pictures and seven tables
