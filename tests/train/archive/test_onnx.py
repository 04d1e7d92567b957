"""ONNX: another runtime gives the answers that torch gives, for any number of crops."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from corpus.errors import StageError
from train.archive import onnx as exporting
from train.archive.onnx import export_onnx
from train.archive.parts import Parts, model_of


def test_onnx_runtime_answers_as_torch_does(parts_once: Parts, tmp_path: Path) -> None:
    model = model_of(parts_once)
    assert export_onnx(model, tmp_path / "model.onnx") < 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for number in (1, 7):
        crops = np.random.default_rng(number).integers(0, 256, (number, 3, 32, 32), dtype=np.uint8)
        logits, embedding = session.run(["logits", "embedding"], {"crops": crops})
        with torch.inference_mode():
            expected = model.network.embed(torch.from_numpy(crops))
            assert embedding == pytest.approx(expected.numpy(), abs=1e-3)
            assert logits == pytest.approx(model.network.classify(expected).numpy(), abs=1e-3)
    told = {each.key: each.value for each in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert (told["cameras"], told["crop_px"], told["temperature"]) == ('["alpha", "beta", "gamma"]', "32", "1.5")


def test_a_network_that_answers_otherwise_is_not_written(
    parts_once: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_TOLERANCE", -1.0)
    with pytest.raises(StageError, match="nothing is written"):
        export_onnx(model_of(parts_once), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
