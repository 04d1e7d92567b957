"""What metadata and thumbnails give away: scores of genuine photographs, and detection at 1 % false alarms.

    python -m benchmarks.examiner.claim [real] [../shared/photos] [PHOTOGRAPHS OF EACH CAMERA]
    python -m benchmarks.examiner.claim demo demo-data [PHOTOGRAPHS OF EACH CAMERA]

`real`: the genuine originals of the shared collection. Each photograph is compared with what the other sessions of its
camera show, so that it does not vouch for itself; a session counts as an owner. `demo`: kept photographs of the
simulated cameras, with what the whole generation shows. Skips where the folder is missing.
"""

import argparse
import csv
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.places import COLLECTION
from corpus.cameras.catalogue import BUILT_IN, Catalogue, read_catalogue
from corpus.sections import Consensus
from curation.consensus import Count, claims, enriched, learn
from examiner.findings.claim import camera_form, dates, listed_form, software_signs
from examiner.findings.thumbnail import thumbnail_differences
from examiner.knowledge import Corpus, Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials import claims as planted
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

LIMITS = Consensus(photos_min=3, owners_min=1, owner_share_min=0.0)
ASKED = (thumbnail_differences, camera_form, listed_form, software_signs, dates)
Seen = tuple[str, str, PhotoFacts]
"""Owner, camera, facts."""


def learned(seen: list[Seen], catalogue: Catalogue) -> Corpus:
    """Return what photographs show of their cameras, each counted once."""
    photos: dict[tuple[str, str, str, str], int] = defaultdict(int)
    owners: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    texts: dict[tuple[str, str, str], str] = {}
    for owner, _, facts in seen:
        camera = catalogue.identify(facts.make, facts.model)
        for claim in claims(facts, camera) if camera else ():
            key = claim.camera, claim.aspect, claim.value
            texts[key] = max(texts.get(key, ""), claim.text)
            photos[(*key, "")] += 1
            owners[(*key, "")].add(owner)
    counts = [Count(*key[:3], texts[key[:3]], number, len(owners[key])) for key, number in photos.items()]
    rows = learn(counts, catalogue, LIMITS)
    return Corpus("measured", rows, enriched(catalogue, rows))


def scores(data: bytes, knowledge: Knowledge) -> dict[str, float]:
    """Return the scores of a file, by finding."""
    photograph = Photograph(data)
    found: dict[str, float] = {}
    for asked in ASKED:
        try:
            for finding in asked(photograph, knowledge):
                if finding.score is not None:
                    found[finding.name] = finding.score
        except ValueError as error:
            print(f"  {asked.__name__}: {error}", flush=True)
    return found


def run(photographs: list[tuple[str, str, str]], knowledge_of: Callable[[str, str, str], Knowledge]) -> None:
    """Print a line for each trial; `photographs`: path, camera, owner."""
    genuine: dict[str, list[tuple[float, str]]] = defaultdict(list)
    found: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for place, (path, camera, owner) in enumerate(photographs):
        data, knowledge = Path(path).read_bytes(), knowledge_of(path, camera, owner)
        for name, score in scores(data, knowledge).items():
            genuine[name].append((score, f"{camera} {Path(path).name}"))
        strangers = [each for each in photographs if each[1] != camera]
        other = Path(strangers[(place * 7) % len(strangers)][0]).read_bytes()
        done: dict[str, dict[str, float]] = {}
        for trial in planted.TRIALS:
            random = np.random.default_rng([place, zlib.crc32(trial.what.encode())])
            if trial.what not in done:
                try:
                    done[trial.what] = scores(trial.plant(data, other, random), knowledge)
                except ValueError:
                    continue
            found[trial.finding, trial.what].append(done[trial.what].get(trial.finding))
        print(f"  {place + 1} of {len(photographs)}: {camera}", flush=True)
    for name, values in sorted(genuine.items()):
        ordered = sorted(values, reverse=True)
        allowed = int(0.01 * len(values))
        threshold = ordered[allowed][0]
        print(
            f"\n{name}: {len(values)} genuine photographs, median {np.median([v for v, _ in values]):.3g}, "
            f"largest {', '.join(f'{score:.3g} ({who})' for score, who in ordered[:4])}; above {threshold:.3g} counts"
        )
        for (finding, what), got in found.items():
            if finding == name:
                seen = [score for score in got if score is not None]
                share = sum(score > threshold for score in seen) / max(1, len(got))
                spread = np.quantile(seen, [0.1, 0.5, 0.9]) if seen else []
                print(f"  {what:45s} found {share:.2f} of {len(got)}; scores {np.round(spread, 3)}")


def few(photographs: list[tuple[str, str, str]], each: int) -> list[tuple[str, str, str]]:
    """Return up to `each` photographs of every camera, of as many owners as there are."""
    by_camera: dict[str, dict[str, list[tuple[str, str, str]]]] = defaultdict(lambda: defaultdict(list))
    for one in photographs:
        by_camera[one[1]][one[2]].append(one)
    return [one for of in by_camera.values() for one in list(_in_turn(of))[:each]]


def _in_turn(of: dict[str, list[tuple[str, str, str]]]) -> Iterator[tuple[str, str, str]]:
    for number in range(max(map(len, of.values()))):
        yield from (ones[number] for ones in of.values() if number < len(ones))


def real(folder: Path, each: int) -> None:
    """Measure on the originals of the shared collection."""
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("originals/")]
    catalogue = read_catalogue(BUILT_IN).opened()
    photographs = [(str(folder / row["file"]), row["file"].split("/")[1], row["session"]) for row in rows]
    seen = [(owner, camera, read_facts(Path(path).read_bytes(), whole=True)) for path, camera, owner in photographs]
    print(f"{len(seen)} originals of {len({camera for _, camera, _ in seen})} cameras, each by one device mostly")

    def knowledge_of(path: str, camera: str, owner: str) -> Knowledge:
        corpus = learned([each for each in seen if (each[1], each[0]) != (camera, owner)], catalogue)
        return Knowledge(corpus, None, catalogue)

    run(few(photographs, each), knowledge_of)


def demo(folder: Path, each: int) -> None:
    """Measure on the kept photographs of a demo."""
    import pyarrow.parquet as parquet

    generation = sorted((folder / "store/curated").iterdir())[-1]
    table = parquet.read_table(
        generation / "photos.parquet", columns=["kept", "camera", "group", "original", "owner_id"]
    )
    kept = [row for row in table.to_pylist() if row["kept"]]
    path = next(Path(line.split(": ", 1)[1].strip()) for line in (folder / "pipelines.yaml").read_text().splitlines()
                if line.startswith("catalogue: "))  # fmt: skip
    catalogue = read_catalogue(path)
    photographs = [
        (str(folder / "store" / row["original"]), row["camera"], row["owner_id"] or row["group"]) for row in kept
    ]
    seen = [(owner, camera, read_facts(Path(file).read_bytes(), whole=True)) for file, camera, owner in photographs]
    print(f"{len(seen)} photographs of {len({camera for _, camera, _ in seen})} simulated cameras")
    corpus = learned(seen, catalogue)
    run(few(photographs, each), lambda *_: Knowledge(corpus, None, catalogue))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="?", choices=("real", "demo"), default="real")
    parser.add_argument("folder", nargs="?", type=Path, default=COLLECTION)
    parser.add_argument("each", nargs="?", type=int, default=4, help="photographs of each camera")
    given = parser.parse_args()
    if not given.folder.is_dir():
        print(f"{given.folder} is missing: nothing to measure")
        return
    {"real": real, "demo": demo}[given.which](given.folder, given.each)


if __name__ == "__main__":
    main()
