"""What a generation learned is pinned: the catalogue states it, reads as its author wrote it, and judges the same."""

import fnmatch
from contextlib import nullcontext

import pytest
import yaml

from benchmarks.curation import planted
from corpus.cameras.catalogue import BUILT_IN, read_catalogue
from corpus.errors import StageError, StorageError
from corpus.sections import Consensus, Curation, Rules, Support
from corpus.storage import open_store
from curation.cluster.frames import Frames
from curation.consensus import Count, enriched, learn
from curation.generations import Past
from curation.inspection.catalogue_additions import additions, pattern_of
from curation.inspection.catalogue_yaml import extended_text
from curation.judging.inputs import find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.pin import main
from forensics.jpeg.quality import scaled_tables

CATALOGUE = """\
# cameras of the house

alpha-one:   # the first
  name: Alpha One
  make: [ALPHA]
  model: [One]
  sizes: [160x128]  # from the manual
  software: ["A1.*"]
  flickr: alpha/one

# the second one
beta-two:
  name: Beta Two
  make: [Beta]
  model: [Two]
  sizes:
  - 160x128   # wide
  # nothing else is known
  tables:
    - "ffffffffffffffff"
gamma-three:
  name: Gamma
  make: [G]
  model: [Three]
  sizes: [100x100]
"""
DIGITS, OTHER = "1234567890123456", "00aa00aa00aa00aa"


def spelled(quality_factor):
    """Return the IJG's tables of a factor as what was counted spells them."""
    return " / ".join(" ".join(map(str, table)) for table in scaled_tables(quality_factor))


def shown(camera, text, **aspects):
    """Return what was counted of a camera: value to text by aspect, 12 photos of 5 owners each."""
    values = {"camera": {"": text}} | aspects
    return [Count(camera, aspect, value, said, 12, 5) for aspect, of in values.items() for value, said in of.items()]


@pytest.fixture
def learned():
    """Return a maker of what was learned with a catalogue: of two cameras it lists, and two it does not."""
    counts = [
        *shown("alpha-one", "ALPHA\nOne", size={"160x128": "160x128", "320x240": "320x240"},
               tables={DIGITS: spelled(97), OTHER: spelled(91)},
               segments={"APP1:Exif DQT SOF0 DHT SOS\nA1.[0-9]*": ""}, software={"A1.[0-9]*": "A1.[0-9]*"}),
        *shown("beta-two", "Beta\nTwo", size={"192x128": "192x128"}, tables={OTHER: spelled(90)},
               segments={"APP1:Exif DQT DHT SOF0 SOS\n-": ""}),
        *shown("acme-x-10", "Acme  Inc.\nX[10]*", size={"800x600": "800x600"}, tables={OTHER: spelled(90)},
               software={'V"[0-9]*" #\u20ac': ""}),
        *shown("acme-nosize", "Acme\nNosize", tables={OTHER: spelled(90)}),
    ]  # fmt: skip
    return lambda catalogue: learn(counts, catalogue, Consensus())


@pytest.fixture
def pinning(world, learned):
    """Return a world with a generation that has learned."""
    (world.folder / "cameras.yaml").write_text(CATALOGUE)
    publish(world, "0001-a", learned(read_catalogue(world.folder / "cameras.yaml")))
    return world


def publish(world, name, table):
    world.store.publish_json(f"curated/{name}/natives.json", table)
    world.store.mark_done(f"curated/{name}", {})


def pin(world, *arguments):
    assert main(["--config", str(world.folder / "pipelines.yaml"), *arguments]) == 0


def native(catalogue):
    """Return what is native to each camera, and who takes which names."""
    return {
        camera.key: tuple(set(getattr(camera, field)) for field in ("sizes", "tables", "segments", "software"))
        for camera in (*catalogue.cameras, *catalogue.unlisted)
    }


def test_the_pinned_catalogue_is_the_enriched_one(pinning, learned):
    file = pinning.folder / "cameras.yaml"
    before = read_catalogue(file)
    pin(pinning, "--write", str(file))
    after = read_catalogue(file)
    assert native(after) == native(enriched(before.opened(), learned(before)))
    assert {camera.key for camera in after.cameras} == {"acme-x-10", "alpha-one", "beta-two", "gamma-three"}


def test_what_an_author_wrote_stays_and_every_value_says_what_showed_it(pinning):
    pin(pinning, "--write", str(pinning.folder / "cameras.yaml"))
    assert (
        (pinning.folder / "cameras.yaml").read_text()
        == """\
# cameras of the house

alpha-one:   # the first
  name: Alpha One
  make: [ALPHA]
  model: [One]
  sizes:  # from the manual
    - 160x128
    - 320x240  # 12 photos of 5 owners
  software:
    - "A1.*"
    - "A1.[0-9]*"  # 12 photos of 5 owners
  flickr: alpha/one
  tables:
    - "00aa00aa00aa00aa"  # quality 91; 12 photos of 5 owners
    - "1234567890123456"  # quality 97; 12 photos of 5 owners
  segments:
    - "APP1:Exif DQT SOF0 DHT SOS"  # 12 photos of 5 owners

# the second one
beta-two:
  name: Beta Two
  make: [Beta]
  model: [Two]
  sizes:
  - 160x128   # wide
  - 192x128  # 12 photos of 5 owners
  # nothing else is known
  tables:
    - "ffffffffffffffff"
    - "00aa00aa00aa00aa"  # quality 90; 12 photos of 5 owners
  segments:
    - "APP1:Exif DQT DHT SOF0 SOS"  # 12 photos of 5 owners
gamma-three:
  name: Gamma
  make: [G]
  model: [Three]
  sizes: [100x100]
acme-x-10:  # learned from 12 photos of 5 owners
  name: "Acme Inc. X[10]*"
  make: ["Acme Inc."]
  model: ["X[[]10][*]"]
  sizes:
    - 800x600  # 12 photos of 5 owners
  tables:
    - "00aa00aa00aa00aa"  # quality 90; 12 photos of 5 owners
  software:
    - "V\\"[0-9]*\\" #\u20ac"  # 12 photos of 5 owners
"""
    )


def test_pinning_twice_changes_nothing(pinning, learned, capsys):
    file = pinning.folder / "cameras.yaml"
    pin(pinning, "--write")
    once = file.read_bytes()
    pin(pinning, "--write")
    assert file.read_bytes() == once
    assert "nothing changed" in capsys.readouterr().out
    # nor with what the next generation learns under the pinned catalogue
    publish(pinning, "0002-b", learned(read_catalogue(file)))
    pin(pinning, "--write")
    assert file.read_bytes() == once


def test_without_write_the_changed_entries_alone_are_printed_as_yaml(pinning, capsys):
    pin(pinning, "beta-two", "acme-x-10")
    said = capsys.readouterr()
    printed = yaml.safe_load(said.out)
    assert printed.keys() == {"beta-two", "acme-x-10"}
    assert printed["beta-two"]["sizes"] == ["160x128", "192x128"]
    assert printed["acme-x-10"]["tables"] == [OTHER]
    assert (pinning.folder / "cameras.yaml").read_text() == CATALOGUE
    assert "extended" in said.err
    assert "0001-a: 2 cameras pinned" in said.err


def test_the_summary_names_cameras_aspects_and_values(pinning, capsys):
    pin(pinning, "--write", str(pinning.folder / "cameras.yaml"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["alpha-one", "extended", "tables", "2:", f"{OTHER},", DIGITS] in lines
    assert ["acme-x-10", "new", "size", "1:", "800x600"] in lines
    assert ["acme-nosize:", "left", "out,"] in [line[:3] for line in lines]


def test_the_built_in_catalogue_is_copied_and_never_written(pinning, capsys):
    pinning.configure(catalogue="built-in")
    before = BUILT_IN.read_bytes()
    for arguments in (["--write"], ["--write", str(BUILT_IN)]):
        with pytest.raises(StageError, match="--write FILE"):
            pin(pinning, *arguments)
    file = pinning.folder / "own.yaml"
    pin(pinning, "acme-x-10", "--write", str(file))
    assert BUILT_IN.read_bytes() == before
    assert file.read_bytes().startswith(before)
    assert f"set `catalogue: {file}`" in " ".join(capsys.readouterr().out.split())
    assert "acme-x-10" in read_catalogue(file)
    pin(pinning, "alpha-one", "--write", str(file))
    assert {"acme-x-10", "alpha-one", "iphone-6"} <= {camera.key for camera in read_catalogue(file).cameras}


def test_an_older_generation_is_named_by_its_beginning(pinning, capsys):
    publish(pinning, "0002-b", [])
    pin(pinning)
    assert "every native value is stated already" in capsys.readouterr().err
    pin(pinning, "--from", "0001")
    assert "pinned" in capsys.readouterr().err


def test_cameras_of_which_nothing_can_be_pinned_are_refused_by_name(pinning):
    with pytest.raises(StageError, match="nokia-3310: nothing native was learned; known are acme-nosize, acme-x-10"):
        pin(pinning, "nokia-3310")
    with pytest.raises(StageError, match="no native size was learned"):
        pin(pinning, "acme-nosize")


def test_a_camera_that_the_file_lists_under_another_key_is_left_out(pinning, capsys):
    file = pinning.folder / "cameras.yaml"
    file.write_text(CATALOGUE + "x-ten:\n  name: X\n  make: [acme*]\n  model: [X*]\n  sizes: [800x600]\n")
    pin(pinning, "--write", str(file))
    assert "taken by x-ten" in capsys.readouterr().out
    assert "acme-x-10" not in read_catalogue(file)


def test_a_new_entry_without_a_native_form_of_software_says_what_it_will_refuse(pinning):
    counts = [*shown("acme-y", "Acme\nY", size={"80x60": ""}), Count("acme-y", "software", "Fw [0-9]*", "", 1, 1)]
    catalogue = read_catalogue(pinning.folder / "cameras.yaml")
    publish(pinning, "0003-c", learn(counts, catalogue, Consensus()))
    pin(pinning, "--write")
    assert "# no form of Software is native" in (pinning.folder / "cameras.yaml").read_text()


@pytest.mark.parametrize("name", ["cameras.txt", "beta-two", "folder.yaml"])
def test_only_yaml_files_are_written(pinning, name):
    (pinning.folder / "folder.yaml").mkdir()
    with pytest.raises(StageError):
        pin(pinning, "--write", str(pinning.folder / name))


@pytest.mark.parametrize(
    "text",
    [
        "alpha-one: {name: A, make: [ALPHA], model: [One], sizes: [160x128]}\n",
        "alpha-one:\n  name: A\n  make: [ALPHA]\n  model: [One]\n  sizes: [160x128,  # wide\n    10x10]\n",
        "base:\n  name: A\n  make: [B]\n  model: [C]\n  sizes: &all [10x10]\n"
        "alpha-one:\n  name: A\n  make: [ALPHA]\n  model: [One]\n  sizes: *all\n",
    ],
)
def test_an_entry_that_cannot_be_extended_as_it_stands_is_refused_and_nothing_is_written(pinning, text):
    file = pinning.folder / "cameras.yaml"
    file.write_text(text)
    with pytest.raises(StageError, match="as it stands"):
        pin(pinning, "alpha-one", "--write")
    assert file.read_text() == text


def test_a_generation_without_its_table_and_one_that_does_not_exist_are_told(pinning, world):
    world.store.mark_done("curated/0009-old", {})
    with pytest.raises(StorageError, match=r"no file curated/0009-old/natives\.json"):
        pin(pinning)
    with pytest.raises(StageError, match="no generation is called"):
        pin(pinning, "--from", "0042")


@pytest.mark.parametrize("text", ["plain", "X[10]*?", "[!a]", "a  b", "[[]", "]", "\u00dc-1"])
def test_a_pattern_takes_its_own_text_and_no_other(text):
    plain = " ".join(text.split())
    assert fnmatch.fnmatchcase(plain, pattern_of(text))
    assert not fnmatch.fnmatchcase(plain + "s", pattern_of(text))


def test_keys_that_yaml_takes_for_something_else_are_quoted(pinning):
    file = pinning.folder / "cameras.yaml"
    keys = ("on", "007", "1234", "2020-01-01", "null")
    counts = [count for key in keys for count in shown(key, f"{key}\nM", size={"80x60": ""})]
    table = learn(counts, read_catalogue(file), Consensus())
    found, _ = additions(read_catalogue(file), table, [])
    file.write_text(extended_text(file.read_text(), found, table))
    assert {camera.key for camera in read_catalogue(file).cameras} >= set(keys)


def test_a_planted_corpus_gives_the_same_verdicts_once_it_is_pinned(tmp_path):
    store, file = open_store("data", tmp_path), tmp_path / "cameras.yaml"
    planted.plant(store, 2_000)
    entries = {camera.key: camera.model_dump(mode="json", exclude={"key"}, exclude_none=True)
               for camera in planted.catalogue().cameras}  # fmt: skip
    file.write_text(yaml.safe_dump(entries))
    base = read_catalogue(file)
    first, learned = judged(store, base.opened())
    found, left_out = additions(base, learned, [])
    assert left_out == []
    file.write_text(extended_text(file.read_text(), found, learned))
    assert len(read_catalogue(file).cameras) == planted.CAMERAS
    assert native(read_catalogue(file)) == native(enriched(base.opened(), learned))
    # with limits that nothing passes, all that is native is what the file states
    assert judged(store, read_catalogue(file).opened(), Consensus(photos_min=2_000))[0] == first


def judged(store, catalogue, consensus=Consensus(photos_min=2, owners_min=2)):  # noqa: B008 - frozen
    """Return the verdicts on the planted corpus and what was learned of it."""
    judge_settings = JudgeSettings(catalogue, Support(photos_min=1, owners_min=1), Rules(), consensus, Curation())
    inputs = find_inputs(store, planted.KIND)
    found = judge_all(
        inputs, Past(store, None), [], judge_settings, Frames(None), lambda *_: nullcontext(lambda _: None)
    )
    rows = [(row["photo"], row["camera"], row["reasons"]) for table, _, _ in found.parts for row in table.to_pylist()]
    return rows, found.learned
