"""Local configuration: writes the demo's copy of pipelines.yaml, in which the sites are those of this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corpus.configuration import Configuration
from corpus.strict_yaml import yaml_text
from corpus.text import iso_time
from demo.uploads.upload import Upload

CAMERAS = Path(__file__).with_name("cameras.yaml")
"""Catalogue of the simulated cameras."""


def write_configuration(
    real: Configuration, folder: Path, flickr_url: str, wikimedia_url: str, ray_url: str, uploads: list[Upload]
) -> Path:
    """Write the demo's configuration into `folder` and return its path.

    It is `real` with the keys of `demo.overrides` (of which a recipe replaces all of `train`), the addresses of the
    local site and of Ray, and a crawl period from the first upload to the last, so that a second run finds every window
    done.
    """
    first = min(upload.uploaded_at_s for upload in uploads)
    last = max(upload.uploaded_at_s for upload in uploads)
    period = {"since": iso_time(first), "until": iso_time(last + 1)}
    local = {
        "storage": str(folder / "store"),
        "catalogue": str(CAMERAS),
        "crawl": {"limits_folder": str(folder / "limits")},
        "sources": {
            "flickr": {"api_url": flickr_url, "hosts": ["127.0.0.1"], **period},
            "wikimedia": {"api_url": wikimedia_url, "hosts": ["127.0.0.1"], **period},
        },
        "clusters": {"ray_dashboard": ray_url},
    }
    own = real.model_dump(mode="json")
    if "recipe" in real.demo.overrides.get("train", {}):
        del own["train"]  # its keys are those of the real recipe, and would count before the other one's
    tree = _merged(_merged(own, real.demo.overrides), local)
    file = folder / "pipelines.yaml"
    temporary = folder / ".pipelines.yaml"
    head = "# Made by the demo from the real pipelines.yaml; changed keys are those of its demo.overrides.\n"
    temporary.write_text(head + yaml_text(tree), encoding="utf-8")
    temporary.replace(file)
    return file


def _merged(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `tree` with the keys of `changes` replaced, section by section."""
    merged = dict(tree)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
