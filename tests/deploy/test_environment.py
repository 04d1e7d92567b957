"""The environment: the table of its variables is whole. The configurations: examples in their comments are valid."""

import re
from pathlib import Path

import pytest

from corpus import events
from corpus.configuration import CONFIGURATION_VARIABLE, read_configuration
from crawlers.spiders.flickr import KEY_VARIABLE
from pipelines import webhook
from pipelines.shutterprint import PACKAGES
from pipelines.stages import stages_of

OURS = {KEY_VARIABLE, "SHUTTERPRINT_TOKEN", webhook.TOKEN_VARIABLE, CONFIGURATION_VARIABLE, events.VARIABLE}


def test_the_table_of_variables_has_all_that_are_ours_and_none_that_no_code_knows(repository: Path) -> None:
    page = (repository / "docs" / "deploy.md").read_text()
    section = page[page.index("### Secrets and the environment") :].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    told = set(re.findall(r"[A-Z][A-Z_]+[A-Z]", " ".join(rows)))
    assert told >= OURS
    code = "".join(file.read_text() for package in PACKAGES for file in (repository / package).rglob("*.py"))
    assert [name for name in sorted(told) if name not in code] == []


def test_the_examples_in_comments_of_the_shipped_configuration_are_valid(repository: Path, tmp_path: Path) -> None:
    text = (repository / "pipelines.yaml").read_text()
    uncommented, count = re.subn(r"(?m)^( *)# (hooks:|on_failure:|- python)", r"\1\2", text)
    assert count == 3
    (tmp_path / "pipelines.yaml").write_text(uncommented)
    configuration = read_configuration(tmp_path / "pipelines.yaml")
    assert configuration.pipelines["refresh"].on_failure is not None
    assert stages_of(configuration, "refresh")[-1].arguments[2] == "pipelines.prune"
    assert stages_of(read_configuration(repository / "pipelines.yaml"), "refresh")[-1].arguments[2] == "curation.run"


@pytest.mark.parametrize("folder", ["deploy", "deploy/kubernetes"])
def test_the_night_begins_without_a_key_and_says_what_flickr_needs(
    repository: Path, folder: str, tmp_path: Path
) -> None:
    text = (repository / folder / "pipelines.yaml").read_text()
    assert re.findall(r"# - scrapy crawl flickr +# needs (\w+)", text) == [KEY_VARIABLE]
    configuration = read_configuration(repository / folder / "pipelines.yaml")
    assert configuration.pipelines["refresh"].stages[0] == "scrapy crawl wikimedia"
    (tmp_path / "pipelines.yaml").write_text(re.sub(r"# (- scrapy crawl flickr)", r"\1", text))
    with_flickr = read_configuration(tmp_path / "pipelines.yaml")
    assert with_flickr.pipelines["refresh"].stages[:2] == ("scrapy crawl flickr", "scrapy crawl wikimedia")
