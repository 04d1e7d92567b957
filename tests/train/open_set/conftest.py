"""A finished run that one camera was held out of: with it, unknown photographs are measured."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from corpus.configuration import read_configuration
from train.main import train


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory, filled_once: Path, configure: Callable[..., Path]) -> Path:
    """Return the configuration of a store with a run that `striped` was held out of; to be read only."""
    folder = tmp_path_factory.mktemp("held-out")
    shutil.copytree(filled_once, folder / "data")
    torch.set_num_threads(1)
    file = configure(folder, steps_per_epoch=8, held_out_cameras=["striped"])
    cameras = {
        key: {"name": f"The {key} one", "make": [make], "model": [key.upper()], "sizes": ["96x96"]}
        for key, make in (("grainy", "One"), ("smooth", "Two"), ("striped", "Two"))
    }
    (folder / "cameras.yaml").write_text(yaml.safe_dump(cameras))
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"catalogue": "cameras.yaml"}))
    train(read_configuration(file), without_ray=True)
    return file
