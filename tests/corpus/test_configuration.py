"""What pipelines.yaml may say, and how a fault in it is told."""

from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError


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
        ("curation.test=2", "pipelines.yaml: curation.test: 2 is not above 0 and below 1"),
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
