"""The report: every count of a generation on one page that needs nothing else, and no markup of strangers'."""

import copy
import re
import shutil
import subprocess

import pytest

from corpus.page import Tile, jpeg_address
from corpus.sections import Crawl, Curation, Rules
from curation.publishing.report.page import report_page
from curation.publishing.report.sections import DECIDED_BY
from curation.publishing.report.thumbnails import thumbnail
from curation.reasons import REASONS

pytestmark = pytest.mark.slow

GENERATION = "0003-0123456789"
EVIL = '"><img src=x onerror="alert(1)"><script>alert(1)</script>$x$'


@pytest.fixture
def shown(jpeg):
    address = jpeg_address(thumbnail(jpeg()))
    return {
        "low_quality_factor": [Tile(address, "flickr:1: 70", "https://photos.example/1"), Tile(None, "flickr:2: 71")],
        "no_original": [Tile(None, "flickr:3", "https://photos.example/3")],
    }


def cut(html, heading):
    """Return one section of a page."""
    return re.search(f'<section id="{heading}">.*?</section>', html, re.DOTALL).group()


def cells(html):
    return [re.findall(r"<td.*?>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html) if "<td" in row]


def test_the_page_leads_with_photos_and_bytes(counts, natives, shown):
    html = report_page(GENERATION, counts, natives, shown)
    assert "20 photos (100.00 MB) were judged, 12 (79.00 MB) are kept." in html
    assert "<title>Curation 0003-0123456789</title>" in html


def test_the_funnel_tells_photos_and_bytes_by_reason(counts, natives, shown):
    rows = cells(cut(report_page(GENERATION, counts, natives, shown), "funnel"))
    assert rows[1] == ["low_quality_factor", REASONS["low_quality_factor"], "4", "3", "14", "87.00 MB"]
    assert [row[0] for row in rows] == ["no_original", "low_quality_factor", "duplicate"]


def test_what_would_change_tells_how_many_each_reason_alone_refuses_the_costliest_first(counts, natives, shown):
    counts["funnel"][1]["alone"] = 4
    html = cut(report_page(GENERATION, counts, natives, shown), "what-would-change")
    assert cells(html) == [
        ["low_quality_factor", "4", "33.3%", "8.00 MB", "rules.quality_factor_min"],
        ["no_original", "3", "25.0%", "1.00 MB", "–"],
        ["duplicate", "1", "8.3%", "4.00 MB", "curation.near_bits"],
    ]
    assert "Of 8 refused photos, 8 are refused for one reason alone, the other 0 for several." in html
    for step in counts["funnel"]:
        step["alone"] = 0
    html = cut(report_page(GENERATION, counts, natives, shown), "what-would-change")
    assert "No photo is refused for one reason alone" in html


def test_what_decides_a_reason_is_a_reason_and_a_key_that_there_is():
    assert DECIDED_BY.keys() <= REASONS.keys()
    sections = {"rules": Rules, "curation": Curation, "crawl": Crawl}
    for keys in DECIDED_BY.values():
        section, _, key = keys.partition(",")[0].partition(".")
        assert section not in sections or key in sections[section].model_fields


def test_every_source_and_camera_has_its_row_the_ones_most_kept_first(counts, natives, shown):
    html = report_page(GENERATION, counts, natives, shown)
    assert cells(cut(html, "sources"))[1] == ["wikimedia", "6", "4", "66.7%", "30.00 MB", "26.00 MB"]
    nexus, iphone, acme = cells(cut(html, "cameras"))
    assert nexus == [
        "LG Nexus 5X (nexus-5x)", "12", "8", "53.00 MB", "4", "3", "2", "5 (2)", "1 (1)", "2 (1)", "3–5",
        "2016–2018", "1", "4032x3024 (7), 3264x2448 (1)",
    ]  # fmt: skip
    assert iphone[0] == "Apple iPhone 6 (iphone-6)"
    assert acme[0] == "Acme Cam 1 (acme-cam-1), not in the catalogue"


def test_unknown_quality_factors_and_sizes_are_counted_beside_the_plots(counts, natives, shown):
    html = report_page(GENERATION, counts, natives, shown)
    assert "that of 4 photos is not known" in cut(html, "quality-factors")
    assert "that of 3 photos is not known" in cut(html, "picture-sizes")
    assert html.count("<svg") == 3


def test_own_tables_have_a_bar_and_a_word_of_their_own(counts, natives, shown):
    plain = cut(report_page(GENERATION, counts, natives, shown), "quality-factors")
    assert "own" not in plain.casefold().replace("known", "")
    quality = {"kept": {"96": 3, "own": 4}, "refused": {"own": 2, "?": 1}}
    html = cut(report_page(GENERATION, {**counts, "quality": quality}, natives, shown), "quality-factors")
    assert ">own</text>" in html
    assert "Own: tables that are far from all of the IJG&#x27;s." in html
    only = {"kept": {"own": 4}, "refused": {}}
    assert ">own</text>" in report_page(GENERATION, {**counts, "quality": only}, natives, shown)


def test_the_consensus_shows_what_is_native_and_the_strongest_that_is_not(counts, natives, shown):
    html = cut(report_page(GENERATION, counts, natives, shown), "learned-consensus")
    assert html.index("nexus-5x: 2 native values, 1 others") < html.index("iphone-6: 1 native value, 1 others")
    rows = cells(html)
    assert rows[0] == ["size", "4032x3024", "yes", "7", "3", "100%", "catalogue"]
    assert rows[1] == ["tables", "quality 96, residual 0.0 [aaaaaaaaaa]", "yes", "8", "3", "100%", "learned"]
    assert rows[2] == ["tables", "quality 70, residual 0.0 [dddddddddd]", "no", "2", "1", "33%", "learned"]


def test_every_reason_shows_its_samples_in_the_order_of_the_funnel(counts, natives, shown):
    html = cut(report_page(GENERATION, counts, natives, shown), "samples-of-refused-photos")
    assert re.findall("<h3>(.*?)</h3>", html) == ["no_original", "low_quality_factor"]
    assert html.count('<img src="data:image/jpeg;base64,') == 1
    assert 'alt="flickr:1: 70"' in html
    assert html.count("no picture: ") == 2
    assert '<a href="https://photos.example/3" rel="noopener noreferrer nofollow">flickr:3</a>' in html


def test_copies_licences_and_leaks_have_their_tables(counts, natives, shown):
    counts["leaks"]["near"] = 7
    html = report_page(GENERATION, counts, natives, shown)
    assert cells(cut(html, "largest-sets-of-copies")) == [["flickr:4711", "2", "duplicate"]]
    assert cells(cut(html, "licences")) == [["CC BY 2.0", "8"], ["CC BY-SA 4.0", "4"]]
    assert ["near copies in two splits", "7", "must be 0"] in cells(cut(html, "leakage-between-the-splits"))
    assert "<dd>7</dd><dt>leaks between splits</dt>" in html


def test_equal_counts_give_equal_bytes_in_any_order(counts, natives, shown):
    turned = {name: counts[name] for name in reversed(counts)}
    turned["cameras"] = {key: counts["cameras"][key] for key in reversed(counts["cameras"])}
    one = report_page(GENERATION, counts, natives, shown)
    assert one == report_page(GENERATION, turned, list(reversed(natives)), shown)


def test_the_page_needs_nothing_from_elsewhere(counts, natives, shown):
    html = report_page(GENERATION, counts, natives, shown)
    links = set(re.findall(r'(?:href|src|xlink:href)="([^"]*)"', html))
    assert {link for link in links if not link.startswith(("#", "data:"))} == {
        "https://photos.example/1",
        "https://photos.example/3",
    }
    assert not re.search(r"<script|@import|url\((?!#)|<iframe|<object|<metadata", html)


def test_text_of_strangers_is_text(counts, natives, shown):
    counts["funnel"][0]["reason"] = counts["funnel"][0]["meaning"] = EVIL
    counts["sources"][EVIL] = counts["sources"]["flickr"]
    counts["cameras"][EVIL] = {**counts["cameras"]["nexus-5x"], "name": EVIL, "sizes": {EVIL: 1}}
    counts["licences"] = {EVIL: 1}
    counts["hubs"] = [{"photo": EVIL, "copies": 2, "reason": EVIL}]
    natives = [{**row, "camera": EVIL, "value": EVIL, "text": EVIL, "source": EVIL} for row in natives]
    shown = {EVIL: [Tile(EVIL, EVIL, f"javascript:{EVIL}"), Tile(None, EVIL, f"https://a.example/{EVIL}")]}
    html = report_page(GENERATION, counts, natives, shown)
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_a_reason_with_dollar_signs_is_no_formula_in_the_plot(counts, natives, shown):
    counts["funnel"][0]["reason"] = "$x^2$"
    assert ">$x^2$</text>" in report_page(GENERATION, counts, natives, shown)


def test_texts_of_any_length_are_cut(counts, natives, shown):
    natives[0]["text"] = "x" * 65_000
    shown["no_original"] = [Tile(None, "y" * 65_000)]
    counts["cameras"]["z" * 65_000] = counts["cameras"]["nexus-5x"]
    html = report_page(GENERATION, counts, natives, shown)
    for letter in "xyz":
        assert letter * 100 in html
        assert letter * 1000 not in html


def test_a_generation_of_nothing_is_still_a_report(counts):
    empty = {name: type(value)() for name, value in counts.items()} | {
        "leaks": dict.fromkeys(counts["leaks"], 0),
        "quality": {"kept": {}, "refused": {}},
        "megapixels": {"kept": {}, "refused": {"?": 1}},
    }
    html = report_page(GENERATION, empty, [], {})
    assert "0 photos (0 B) were judged, 0 (0 B) are kept." in html
    assert "<svg" not in html


def many(counts, natives):
    """Return counts and natives of 412 cameras."""
    counts, nexus = copy.deepcopy(counts), counts["cameras"]["nexus-5x"]
    for number in range(409):
        counts["cameras"][f"maker-model-{number}"] = {**nexus, "name": f"Maker Model {number} Plus Edition"}
        natives = [*natives, {**natives[1], "camera": f"maker-model-{number}"}]
    return counts, natives


def test_of_hundreds_of_cameras_the_page_says_how_many_it_leaves_out(counts, natives, shown):
    html = report_page(GENERATION, *many(counts, natives), shown)
    assert "And 112 more cameras in funnel.json." in cut(html, "cameras")
    consensus = cut(html, "learned-consensus")
    assert "And 111 more cameras in natives.json." in consensus
    assert "<details open>" not in consensus


def test_of_hundreds_of_candidates_the_strongest_are_shown(counts, natives, shown):
    others = [{**natives[2], "value": f"{n:016x}", "owners": n, "text": f"quality {n}"} for n in range(200)]
    html = cut(report_page(GENERATION, counts, [*natives[:2], *others], shown), "learned-consensus")
    assert [row[4] for row in cells(html)] == ["3", "3", "199", "198", "197", "196", "195", "194"]
    assert "And 194 more values in natives.json." in html


@pytest.fixture(scope="session")
def chromium():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed here")
    return program


MEASURE = """<!doctype html><title>waiting</title><iframe src="report.html" style="width:WIDTHpx;height:900px;border:0"
onload="const root = this.contentDocument.documentElement, cameras = root.querySelector('#cameras .scroll');
document.title = [root.scrollWidth, root.clientWidth, root.querySelectorAll('section').length,
cameras.scrollWidth > cameras.clientWidth, cameras.getBoundingClientRect().right <= root.clientWidth,
root.querySelector('#quality-factors svg').getBoundingClientRect().right <= root.clientWidth].join(' ')"></iframe>"""


@pytest.mark.parametrize("width_px", [360, 1000])
def test_a_browser_shows_it_without_complaint_wide_tables_scroll_in_their_box_and_plots_fit_a_telephone(
    counts, natives, shown, chromium, tmp_path, width_px
):
    shown["no_original"] = [Tile(None, "flickr:" + "9" * 150, "https://photos.example/3")]
    counts["hubs"][0]["photo"] = "x" * 150
    (tmp_path / "report.html").write_text(report_page(GENERATION, *many(counts, natives), shown))
    (tmp_path / "measure.html").write_text(MEASURE.replace("WIDTH", str(width_px)))
    result = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom",
            "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=10000",
            f"--user-data-dir={tmp_path}/profile", (tmp_path / "measure.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert [line for line in result.stderr.splitlines() if "CONSOLE" in line] == []
    measured = re.search("<title>(.*?)</title>", result.stdout).group(1)
    assert measured == f"{width_px} {width_px} 11 true true true"
