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
        ("train.batch=1:30", "pipelines.yaml: train.batch: '1:30': input should be a valid integer"),
        ("train.batch=true", "pipelines.yaml: train.batch: True is not a number"),
        ("train.learning_rate=.nan", "pipelines.yaml: train.learning_rate: nan is not "),
        (
            "sources.wikimedia.megabits_per_s=.inf",
            "pipelines.yaml: sources.wikimedia.megabits_per_s: inf is not a finite",
        ),
        ("sources.flickr.megabits_per_s=1e999", "pipelines.yaml: sources.flickr.megabits_per_s: inf is not a finite"),
        ("demo.seed=-1", "pipelines.yaml: demo.seed: -1 is not at least 0"),
        ("sources.flickr.since=2010-02-30", "pipelines.yaml: sources.flickr.since: '2010-02-30' is not an ISO date"),
        ("sources.flickr.until='2010-13-01'", "pipelines.yaml: sources.flickr.until: '2010-13-01' is not an ISO date"),
        (
            "sources.flickr.since=1969-12-31",
            "pipelines.yaml: sources.flickr.since: '1969-12-31' is not within the years",
        ),
        (
            "sources.flickr.until=9999-12-31",
            "pipelines.yaml: sources.flickr.until: '9999-12-31' is not within the years",
        ),
        (
            "sources.flickr.until=2009-12-31",
            "pipelines.yaml: sources.flickr.until: '2009-12-31' is not later than since, 2010-01-01",
        ),
        (
            "sources.flickr.revisit_days=99999",
            "pipelines.yaml: sources.flickr.revisit_days: 99999 is not within 0..36500",
        ),
        ("sources.flickr.licences=[]", "pipelines.yaml: sources.flickr.licences: needs at least one entry"),
        (
            "sources.flickr.api_url=api.flickr.com",
            "pipelines.yaml: sources.flickr.api_url: 'api.flickr.com' is not an addr",
        ),
        (
            "sources.folder.pattern=../*.jpg",
            "pipelines.yaml: sources.folder.pattern: '../*.jpg' is not a pattern of paths",
        ),
        (
            "train.cache_folder=cache",
            "pipelines.yaml: train.cache_folder: 'cache' is not a whole path; begin it with / or",
        ),
        ("sources.folder.path=~nobody-there/x", "pipelines.yaml: sources.folder.path: '~nobody-there/x' is not a path"),
        (
            'crawl.contact="me\\r\\nX: y"',
            "pipelines.yaml: crawl.contact: 'me\\r\\nX: y' is not free of control characters",
        ),
        (
            "clusters.dask_scheduler=10.0.0.5",
            "pipelines.yaml: clusters.dask_scheduler: '10.0.0.5' is not an address like",
        ),
        (
            "clusters.ray_dashboard=http://host:abc",
            "pipelines.yaml: clusters.ray_dashboard: 'http://host:abc' is not an address like",
        ),
        (
            "clusters.ray_dashboard='http://[::1'",
            "pipelines.yaml: clusters.ray_dashboard: 'http://[::1' is not an address like",
        ),
        (
            "clusters.ray_dashboard=localhost",
            "pipelines.yaml: clusters.ray_dashboard: 'localhost' is not an address like",
        ),
        ("rules=", "pipelines.yaml: rules: None is not a section; give it keys, or leave it out"),
        ("cameras=[]", "pipelines.yaml: cameras: [] is not allowed to be empty; write `all`"),
        ("storage=", "pipelines.yaml: storage: None: input should be a valid string"),
        ("storage=''", "pipelines.yaml: storage: '' is not a folder"),
        ("storage=ftp://x/y", "pipelines.yaml: storage: 'ftp://x/y' is not a storage that is supported"),
        ("storage=s3:/bucket", "pipelines.yaml: storage: 's3:/bucket' is not a folder's path; did you mean s3://…?"),
        ("storage=s3://", "pipelines.yaml: storage: 's3://' is not whole; write s3://bucket/prefix"),
        ("storage=file://host/x", "pipelines.yaml: storage: 'file://host/x' is not a folder on this machine"),
        (
            "storage=zip://a.zip::s3://b/c",
            "pipelines.yaml: storage: 'zip://a.zip::s3://b/c' is not one address; chains",
        ),
    ],
)
def test_a_fault_is_told_with_its_path_its_value_and_what_would_be_right(
    configuration_file: Path, override: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, [override])
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("since", ["2010-02-30", "'2010-02-30'"])
def test_an_impossible_date_in_the_file_is_a_sentence_quoted_or_not(configuration_file: Path, since: str) -> None:
    configuration_file.write_text(f"storage: data\nsources:\n  flickr:\n    since: {since}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file)
    assert str(caught.value).startswith("pipelines.yaml: sources.flickr.since: '2010-02-30' is not an ISO date or time")


def test_a_section_given_twice_is_refused_with_both_lines(configuration_file: Path) -> None:
    configuration_file.write_text(
        "storage: data\nrules:\n  quality_factor_min: 99\ncameras: all\nrules:\n  native_size: true\n"
    )
    with pytest.raises(ConfigurationError, match="rules is given twice, in line 2 and in line 5; remove one"):
        read_configuration(configuration_file)


def test_yes_and_no_answer_a_yes_or_no_key_and_are_words_for_any_other(configuration_file: Path) -> None:
    changed = read_configuration(configuration_file, ["rules.native_size=no", "crawl.contact=no", "crawl.retries=010"])
    assert (changed.rules.native_size, changed.crawl.contact, changed.crawl.retries) == (False, "no", 10)


@pytest.mark.parametrize("schedule", ["17 2 * * *", "*/5 0-6,22 1 jan-mar mon,WED", "0 0 1-31/2 * 7"])
def test_a_schedule_that_cron_takes_is_taken(configuration_file: Path, schedule: str) -> None:
    overrides = ["pipelines.x.stages=[scrapy crawl flickr]", f"pipelines.x.schedule='{schedule}'"]
    assert read_configuration(configuration_file, overrides).pipelines["x"].schedule == schedule


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("61 2 * * *", "is not what cron takes: 61 is no minute (0-59)"),
        ("0 24 * * *", "is not what cron takes: 24 is no hour (0-23)"),
        ("0 0 0 * *", "is not what cron takes: 0 is no day of the month (1-31)"),
        ("0 0 * 13 *", "is not what cron takes: 13 is no month (1-12)"),
        ("0 0 * * sunday", "is not what cron takes: sunday is no day of the week (0-7)"),
        ("9-5 0 * * *", "is not what cron takes: 9-5 is no minute (0-59)"),
        ("*/0 0 * * *", "is not what cron takes: */0 is no minute (0-59)"),
        ("5/15 0 * * *", "is not what cron takes: 5/15 is no minute (0-59)"),
        ("1-2-3 0 * * *", "is not what cron takes: 1-2-3 is no minute (0-59)"),
        (", 0 * * *", "is not what cron takes: , is no minute (0-59)"),
        ("0 0 * *", "is not five fields of a crontab line such as 17 2 * * *"),
        ("17  2 * * *", "is not five fields of a crontab line such as 17 2 * * *"),
        ("@daily", "is not five fields of a crontab line such as 17 2 * * *"),
    ],
)
def test_a_schedule_that_cron_would_refuse_is_refused(configuration_file: Path, schedule: str, sentence: str) -> None:
    overrides = ["pipelines.x.stages=[scrapy crawl flickr]", f"pipelines.x.schedule='{schedule}'"]
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration_file, overrides)
    assert str(caught.value) == f"pipelines.yaml: pipelines.x.schedule: '{schedule}' {sentence}"


def test_a_key_given_twice_in_a_catalogue_is_refused_with_both_lines(configuration_file: Path) -> None:
    entry = "{name: A, make: [A], model: [A], sizes: [64x64]}"
    (configuration_file.parent / "cameras.yaml").write_text(f"a: {entry}\nb: {entry}\na: {entry}\n")
    with pytest.raises(ConfigurationError, match=r"cameras\.yaml: .*a is given twice, in line 1 and in line 3"):
        read_configuration(configuration_file, ["catalogue=cameras.yaml"])


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
        ("'.*.*.*(?P<owner>a+)'", "is not a pattern with at most 3 repeats and alternatives"),
        ("'(?P<owner>a?a?a?a?)'", "is not a pattern with at most 3 repeats and alternatives"),
        ("'(?P<owner>a|b|c|d|e)'", "is not a pattern with at most 3 repeats and alternatives"),
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


def test_a_file_address_is_that_folder(configuration_file: Path, tmp_path: Path) -> None:
    assert read_configuration(configuration_file, [f"storage=file://{tmp_path}/x"]).store.url == f"{tmp_path}/x"


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
