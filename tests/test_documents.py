"""The documents: the website builds without a warning, has every key and reason, and contacts no other host."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from corpus.configuration import Configuration
from curation.reasons import REASONS
from pipelines.shutterprint import COMMANDS, PACKAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built website."""
    folder = tmp_path_factory.mktemp("site")
    program = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder]
    result = subprocess.run(program, cwd=repository, capture_output=True, text=True, check=False, timeout=280)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]*>", "", page.read_text()))


def test_the_reference_has_every_command_key_and_reason(site: Path) -> None:
    commands, keys, reasons = (
        text_of(site / "reference" / f"{name}.html") for name in ("commands", "configuration", "reasons")
    )
    assert [name for name in COMMANDS if f"usage: shutterprint {name}" not in commands] == []
    assert [name for name in Configuration.model_fields if name not in keys and name != "file"] == []
    assert all(key in keys for key in ("crawl.delay_s", "sources.folder.layout", "pipelines.NAME.stages", "demo.seed"))
    assert [slug for slug in REASONS if slug not in reasons] == []


def test_the_reference_has_each_key_of_each_section_and_no_other(site: Path) -> None:
    page = (site / "reference" / "configuration.html").read_text()
    shown = re.findall(r"<tr>\s*<td><code>([^<]*)</code></td>", page)
    assert sorted(shown) == sorted(set(keys_of(Configuration.model_json_schema())) - {"file"})
    assert {"pipelines.NAME.on_failure", "pipelines.NAME.on_failure.webhook", "recipes.NAME.source"} <= set(shown)
    assert [row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if "{photos_min, owners_min}" in row] == [
        row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if "<td><code>cameras</code></td>" in row
    ]


def keys_of(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the path of each key of a JSON schema; a key whose section may be null, and the keys of that section."""

    def below(of: dict[str, Any], path: str) -> Iterator[str]:
        for name, value in of["properties"].items():
            sections = {part.get("$ref") for part in value.get("anyOf", ())} - {None}
            others = [part for part in value.get("anyOf", ()) if "$ref" not in part and part["type"] != "null"]
            within = value.get("additionalProperties") if value.get("type") == "object" else value
            if isinstance(within, dict) and "$ref" in within:
                step = name if within is value else f"{name}.NAME"
                yield from below(schema["$defs"][within["$ref"].rpartition("/")[2]], f"{path}{step}.")
                continue
            yield f"{path}{name}"
            if len(sections) == 1 and not others:
                yield from below(schema["$defs"][sections.pop().rpartition("/")[2]], f"{path}{name}.")

    return below(schema, "")


def test_no_page_loads_or_names_another_host(site: Path) -> None:
    allowed = re.compile(r"https?://(www\.w3\.org|127\.0\.0\.1|localhost)\b")
    pages = {str(page.relative_to(site)): page.read_text() for page in site.rglob("*.html")}
    found = {
        (name, link)
        for name, text in pages.items()
        for link in re.findall(r"(?:src|href|action)=\"?(https?:[^\" >]*)", text)
        if not allowed.match(link)
    }
    assert found == set()
    scripts = [page for kind in ("*.js", "*.css") for page in site.rglob(kind)]
    assert [page.name for page in scripts if re.search(r"unpkg\.com|url\(\"?http|@import", page.read_text())] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_tells_type_checkers_that_it_has_types(package: str, repository: Path) -> None:
    assert (repository / package / "py.typed").exists()
