"""Names: tells runs whose name was made from their configuration from those that a person has named."""

import hashlib
import json
import re
from typing import Any

from train.runs.run import CARRIED_OUT_BY

_SHAPE = r"\d{4,}-\S+-[0-9a-f]{8}"


def is_made(name: str, config: Any) -> bool:
    """Whether a run's name follows from its `config.json`; any other name was given by a person (`--run 1-best`).

    `config`: the content of that file, of this version or an earlier one; None where the run has none: then, as after
    a removal that was cut off, the form of the name has to do.
    """
    if config is None:
        return re.fullmatch(_SHAPE, name) is not None
    ending = _ending(config)
    return ending is not None and re.fullmatch(rf"\d{{4,}}-{re.escape(ending)}", name) is not None


def _ending(config: Any) -> str | None:
    """Return what `train.runs.run.RunConfig.ending` was for the version that wrote a configuration.

    `RunConfig` itself would add the keys of `train` that have come since, and so find another digest.
    """
    try:
        train = {key: value for key, value in config["train"].items() if key not in CARRIED_OUT_BY}
        if train.get("start_from") is None:
            train.pop("start_from", None)
        told = {"format": config["format"], "generation": config["generation"], "classes": config["classes"]}
        digest = hashlib.sha256(json.dumps({**told, "train": train}, sort_keys=True).encode()).hexdigest()[:8]
        fold = "" if train.get("fold") is None else f"fold{train['fold']}-"
        return f"{config['generation']}-{fold}{digest}"
    except (AttributeError, KeyError, TypeError):
        return None
