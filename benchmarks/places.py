"""Places: the repository, and beside it the shared collection of real photographs, which this machine may lack."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
COLLECTION = REPOSITORY.parent / "shared" / "photos"
ORIGINALS = COLLECTION / "originals"
