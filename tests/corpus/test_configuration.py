"""What pipelines.yaml may say, and how a fault in it is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError
from corpus.sections import Consensus, Curation, Folder, Rules, Section, Support, Wikimedia
from corpus.validation import range_of


@pytest.fixture
def configuration_file(tmp_path: Path) -> Path:
    file = tmp_path / "pipelines.yaml"
    file.write_text("storage: data\nrules: {quality_factor_min: 90}\n")
    return file


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("rules.quality_factor_min=950", "pipelines.yaml: rules.quality_factor_min: 950 is not within 1..100"),
        ("train.workers=0", "pipelines.yaml: train.workers: 0 is not at least 1"),
        ("sources.wikimedia.megabits_per_s=-1", "pipelines.yaml: sources.wikimedia.megabits_per_s: -1 is not above 0"),
        ("curation.test=2", "pipelines.yaml: curation.test: 2 is not above 0 and below 1"),
        ("curation.folds=1", "pipelines.yaml: curation.folds: 1 is not within 2..100"),
        ("curation.near_bits=65", "pipelines.yaml: curation.near_bits: 65 is not within 0..64"),
        ("consensus.owners_min=0", "pipelines.yaml: consensus.owners_min: 0 is not at least 1"),
        ("consensus.owner_share_min=2", "pipelines.yaml: consensus.owner_share_min: 2 is not within 0..1"),
        ("consensus.photos=5", "pipelines.yaml: consensus.photos: is not a known key; look for a misspelling"),
        ("rules.quality=90", "pipelines.yaml: rules.quality: is not a known key; look for a misspelling"),
        ("file=x", "pipelines.yaml: file: is not a known key; look for a misspelling"),
        ("train.crop_px=4000", "pipelines.yaml: train: crop_px: 4000 is larger than outer_crop_px 960"),
        ("nonsense", "--set nonsense: is not of the form section.key=value"),
        ("storage.deeper=1", "--set storage.deeper=1: storage is a value, not a section"),
        ("rules.native_size=[", "--set rules.native_size=[: the value is not YAML"),
    ],
)
def test_a_fault_is_told_with_its_path_its_value_and_what_would_be_right(
    configuration_file: Path, override: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, [override])
    assert str(caught.value).startswith(sentence)


def test_every_fault_is_told_not_only_the_first(configuration_file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, ["rules.quality_factor_min=0", "crawl.retries=-1"])
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_camera_stops_before_any_work(configuration_file: Path) -> None:
    with pytest.raises(ConfigurationError, match="cameras: 'iphone-99' is not in the catalogue"):
        read_configuration(configuration_file, ["cameras=[iphone-99]"])


def test_cameras_may_be_asked_for_by_support_which_opens_the_catalogue(configuration_file: Path) -> None:
    asked = read_configuration(configuration_file, ["cameras={photos_min: 20, owners_min: 5}"])
    assert asked.cameras == Support(photos_min=20, owners_min=5)
    assert asked.whole_catalogue.is_open
    assert asked.chosen.is_open
    for cameras in ("all", "[iphone-6]"):
        closed = read_configuration(configuration_file, [f"cameras={cameras}"])
        assert not closed.whole_catalogue.is_open
        assert not closed.chosen.is_open
        assert len(closed.whole_catalogue.cameras) == len(asked.whole_catalogue.cameras)


@pytest.mark.parametrize(
    ("cameras", "sentence"),
    [
        ("{photos_min: 20}", "cameras.owners_min: is missing; the key must be given"),
        ("{photos_min: 0, owners_min: 5}", "cameras.photos_min: 0 is not at least 1"),
        ("{photos_min: 2, owners_min: 1, more: 1}", "cameras.more: is not a known key; look for a misspelling"),
        ("any", "cameras: 'any' is not `all`, a list of the catalogue's keys, or photos_min and owners_min"),
        ("[5]", "cameras: [5] is not `all`, a list of the catalogue's keys, or photos_min and owners_min"),
    ],
)
def test_cameras_that_are_asked_for_in_no_form_there_is_are_told_in_one_sentence(
    configuration_file: Path, cameras: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, [f"cameras={cameras}"])
    assert str(caught.value) == f"pipelines.yaml: {sentence}"


@pytest.mark.parametrize("owner", [None, 1, 50, "(?P<owner>[^/]+)/", r"(?:a/)?[^/]+/(?P<owner>\\w{1,9}) - [(*+]x"])
def test_an_owner_is_nobody_a_level_or_a_pattern(configuration_file: Path, owner: int | str | None) -> None:
    text = "null" if owner is None else json.dumps(owner)
    assert read_configuration(configuration_file, [f"sources.folder.owner={text}"]).sources.folder.owner == owner


@pytest.mark.parametrize(
    ("owner", "fault"),
    [
        ("0", "0 is not null, a level from 1 to 50, or a pattern with a group (?P<owner>…)"),
        ("true", "True is not null, a level"),
        ("1.5", "1.5 is not null, a level"),
        ("[1]", "[1] is not null, a level"),
        ("'[^/]+/'", "'[^/]+/' is not a pattern with a group (?P<owner>…)"),
        ("'(?P<owner>a'", "is not a regular expression: missing ), unterminated subpattern"),
        ("'(?P<owner>(a+)+)b'", "is not free of repeated groups; repeat one character or set"),
        ("'(?P<owner>(?:a|a)*)b'", "is not free of repeated groups"),
        ("'(?P<owner>(?:a){2,9})b'", "is not free of repeated groups"),
        ("'.*.*.*.*(?P<owner>a+)'", "is not a pattern with at most 4 repeats and alternatives"),
        ("'(?P<owner>a?a?a?a?a?)'", "is not a pattern with at most 4 repeats and alternatives"),
        ("'(?P<owner>a|b|c|d|e|f)'", "is not a pattern with at most 4 repeats and alternatives"),
        (r"'(?P<owner>.)\1'", "is not free of look-arounds, flags and back-references"),
        ("'(?=a)(?P<owner>a)'", "is not free of look-arounds"),
        ("'(?P<owner>a)(?P=owner)'", "is not free of look-arounds"),
        (f"'(?P<owner>{'a' * 200})'", "is not at most 200 characters long"),
    ],
)
def test_an_owner_that_is_no_such_thing_or_may_take_for_ever_is_told(
    configuration_file: Path, owner: str, fault: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, [f"sources.folder.owner={owner}"])
    assert str(caught.value).startswith("pipelines.yaml: sources.folder.owner: ")
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_counts_as_consensus_is_a_section_with_defaults(configuration_file: Path) -> None:
    assert read_configuration(configuration_file).consensus == Consensus()
    changed = read_configuration(configuration_file, ["consensus.owners_min=9"]).consensus
    assert changed == Consensus(owners_min=9)


def test_a_faulty_entry_of_the_catalogue_stops_before_any_work(configuration_file: Path) -> None:
    (configuration_file.parent / "cameras.yaml").write_text("a: {name: A, make: [], model: [Y], sizes: [64x64]}")
    with pytest.raises(ConfigurationError, match=r"cameras\.yaml: a: make: needs at least one entry"):
        read_configuration(configuration_file, ["catalogue=cameras.yaml"])


def test_an_override_sets_one_key_and_leaves_its_neighbours(configuration_file: Path) -> None:
    configuration = read_configuration(configuration_file, ["rules.native_size=false"])
    assert configuration.rules.native_size is False
    assert configuration.rules.quality_factor_min == 90


def test_a_relative_storage_folder_is_taken_from_the_file_not_from_the_working_directory(
    configuration_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert read_configuration(configuration_file).store.url == str(configuration_file.parent / "data")


def test_the_environment_names_the_file(configuration_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTTERPRINT_CONFIG", str(configuration_file))
    assert read_configuration().file == configuration_file


@pytest.mark.parametrize("text", ["- a list", "a: [", "!!python/object/apply:os.system ['true']", "\x00"])
def test_a_file_that_is_no_plain_yaml_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"pipelines\.yaml"):
        read_configuration(file)


def test_a_missing_file_is_told_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file; name the configuration with --config"):
        read_configuration(tmp_path / "pipelines.yaml")


def test_the_shipped_configuration_is_valid_and_names_the_ten_cameras_of_the_challenge(repository: Path) -> None:
    assert len(read_configuration(repository / "pipelines.yaml").chosen.cameras) == 10


def test_every_key_has_a_description() -> None:
    def undescribed(section: type[Section]) -> Iterator[str]:
        for name, field in section.model_fields.items():
            if not field.description:
                yield f"{section.__name__}.{name}"
            for form in (field.annotation, *get_args(field.annotation)):
                if isinstance(form, type) and issubclass(form, Section):
                    yield from undescribed(form)

    assert list(undescribed(Configuration)) == []


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        (Rules, "quality_factor_min", "within 1..100"),
        (Curation, "test", "above 0 and below 1"),
        (Wikimedia, "megabits_per_s", "above 0"),
        (Folder, "layout", ""),
    ],
)
def test_the_range_of_a_key_in_words(section: type[Section], name: str, expected: str) -> None:
    assert range_of(section.model_fields[name]) == expected
