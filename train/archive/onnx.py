"""ONNX: exports a model's network for other runtimes, and compares what they answer.

Input `crops`: uint8 N×3×H×W, RGB, H = W = `train.crop_px`. Outputs `logits` N×K and `embedding` N×D, float32. The
file's metadata names the cameras in order, the crop's edge, the temperature and the run.
"""

import io
import json
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError, StageError
from corpus.storage import open_store
from train.model.loaded import Model
from train.model.network import CameraNetwork

OPSET = 18
_TOLERANCE = 1e-3
"""Largest difference of two probabilities between torch and ONNX Runtime: both compute in float32, in other orders."""
_CROPS = 4


class _Outputs(nn.Module):
    def __init__(self, network: CameraNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.network.embed(crops)
        return self.network.classify(embedding), embedding


def export_onnx(model: Model, target: Path) -> float:
    """Write a model's network as an ONNX file and return the largest difference of a probability from torch's.

    Raises ConfigurationError where the packages are missing, StageError where the network cannot be exported or ONNX
    Runtime answers otherwise.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  asked for before minutes of work
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"--onnx: {error.name} is not installed; run pip install -e '.[onnx]'") from error
    network = _Outputs(model.network.cpu()).eval()
    size_px = model.settings.crop_px
    rng = np.random.default_rng(0)
    crops = torch.from_numpy(rng.integers(0, 256, (_CROPS, 3, size_px, size_px), dtype=np.uint8))
    sink = io.BytesIO()
    batch = {0: "crops"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own future
        try:
            torch.onnx.export(  # the older exporter, which needs no package more
                network, (crops,), cast(Any, sink), dynamo=False, opset_version=OPSET, input_names=["crops"],
                output_names=["logits", "embedding"],
                dynamic_axes={"crops": batch, "logits": batch, "embedding": batch},
            )  # fmt: skip
        except (RuntimeError, TypeError, ValueError) as error:
            raise StageError(f"--onnx: {model.settings.network} cannot be exported: {error}") from error
        finally:
            model.network.to(model.device)
    exported = onnx.load_from_string(sink.getvalue())
    told = {
        "cameras": json.dumps(model.classes),
        "crop_px": str(size_px),
        "temperature": repr(model.temperature),
        "run": model.name,
        "generation": model.generation,
    }
    onnx.helper.set_model_props(exported, told)
    data = exported.SerializeToString()
    difference = parity(model, data, crops[:3])
    if difference > _TOLERANCE:
        raise StageError(
            f"--onnx: ONNX Runtime's probabilities for {model.settings.network} are {difference:.4f} off torch's; "
            "nothing is written"
        )
    open_store(str(target.resolve().parent)).publish(target.name, data)
    return difference


@torch.inference_mode()
def parity(model: Model, data: bytes, crops: Tensor) -> float:
    """Return the largest difference of a probability between torch in float32 and ONNX Runtime on the same crops."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session: Any = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    logits, _ = session.run(["logits", "embedding"], {"crops": crops.numpy()})
    own = model.network(crops.to(model.device)).float().cpu()
    there = torch.softmax(torch.from_numpy(logits), dim=1)
    return float((torch.softmax(own, dim=1) - there).abs().max())
