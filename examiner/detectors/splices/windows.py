"""Windows: what a network says of every place of a picture: log-probabilities of the cameras, window by window.

The network's body runs once over the picture, in large tiles, and its features are pooled over a window around each
place: on a CPU eight times as fast as crops of the window's size with the same step. Crops see borders of zeros where
windows see the picture, so the two differ; the answers of windows localise as well (decision 0022). A network whose
features are no map, or that takes one size of input only, judges crops with a coarser step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from examiner.detectors.splices.spread import CELLS, Spread
from train.model.loaded import Model, crop_answers
from train.model.network import CameraNetwork, mixed_precision
from train.model.scores import log_softmax

Floats = NDArray[np.float32]

TILE_PX = 1024
"""Side of a tile, to which its margins are added; 150 MB for shutter_small."""
MARGIN_PX = 64
WINDOW_CELLS = 4
"""Side of a window, in places of the network's map."""
CROPS_MAX = 1500
"""Most crops of a network that needs them."""
_PROBED_PX = 256


@dataclass(frozen=True, eq=False)
class Windows:
    """The answers for windows of a picture, which begin `step_px` apart."""

    log_shares: Floats
    """Rows × columns × cameras."""
    step_px: int
    cells: int
    """Side of a window, in steps."""
    projected: Floats | None = None
    """Rows × columns × directions of a spread, of its own, smaller windows; None without one."""


def windows_of(model: Model, rgb: NDArray[np.uint8], spread: Spread | None = None) -> Windows:
    """Return the answers for all windows of a picture (height × width × 3) that begins on its grid of JPEG blocks.

    Raises ValueError where it is smaller than the network's crop.
    """
    if min(rgb.shape[:2]) < model.settings.crop_px:
        raise ValueError(f"is smaller than the network's crop of {model.settings.crop_px} px")
    stride_px = _stride(model.network)
    if stride_px is None or min(rgb.shape[:2]) < stride_px * WINDOW_CELLS:
        return _by_crops(model, rgb)
    features = _features(model, rgb, stride_px)
    with torch.inference_mode(), mixed_precision(model.device):
        logits = [model.network.classify(each).float().cpu() for each in _pooled(model, features, WINDOW_CELLS)]
        projected = None if spread is None else [spread.projected(each.float().cpu().numpy()) for each in
                                                 _pooled(model, features, CELLS)]  # fmt: skip
    log_shares = _log_shares(torch.stack(logits))
    return Windows(log_shares, stride_px, WINDOW_CELLS, None if projected is None else np.stack(projected))


def embeddings_of(model: Model, rgb: NDArray[np.uint8]) -> tuple[Floats, int] | None:
    """Return the embeddings of all small windows, rows × columns × dimension, which a spread is fitted to.

    Beside them how many pixels apart they begin. None for a picture smaller than a window, and for a network that
    judges crops only.
    """
    stride_px = _stride(model.network)
    if stride_px is None or min(rgb.shape[:2]) < max(stride_px * WINDOW_CELLS, model.settings.crop_px):
        return None
    features = _features(model, rgb, stride_px)
    with torch.inference_mode(), mixed_precision(model.device):
        return np.stack([each.float().cpu().numpy() for each in _pooled(model, features, CELLS)]), stride_px


def _stride(network: CameraNetwork) -> int | None:
    """Return how many pixels apart the places of the network's map are; None where it has no map of any size."""
    if network.size_px is not None:
        return None
    device = next(network.parameters()).device
    with torch.inference_mode():
        blank = torch.zeros(1, 3, _PROBED_PX, _PROBED_PX, dtype=torch.uint8, device=device)
        try:
            features = network.body.forward_features(network.front(blank))
        except (RuntimeError, AssertionError):  # one size of input only
            return None
    if not isinstance(features, Tensor) or features.ndim != 4:
        return None
    rows, columns = features.shape[1:3] if _is_nhwc(network) else features.shape[2:4]
    stride_px = _PROBED_PX // rows
    return stride_px if rows == columns and rows * stride_px == _PROBED_PX and stride_px % 8 == 0 else None


def _is_nhwc(network: CameraNetwork) -> bool:
    return getattr(network.body, "output_fmt", "NCHW") == "NHWC"


def _features(model: Model, rgb: NDArray[np.uint8], stride_px: int) -> Tensor:
    """Return the map of the whole picture, channels × rows × columns, of whole places only."""
    rows, columns = (each // stride_px for each in rgb.shape[:2])
    tile, margin = TILE_PX // stride_px, MARGIN_PX // stride_px
    whole: Tensor | None = None
    for top in range(0, rows, tile):
        for left in range(0, columns, tile):
            bottom, right = min(top + tile, rows), min(left + tile, columns)
            above, before = min(margin, top), min(margin, left)
            part = rgb[
                (top - above) * stride_px : min(bottom + margin, rows) * stride_px,
                (left - before) * stride_px : min(right + margin, columns) * stride_px,
            ]
            found = _map(model, part)[:, above : above + bottom - top, before : before + right - left]
            if whole is None:
                whole = torch.empty(len(found), rows, columns)
            whole[:, top:bottom, left:right] = found
    assert whole is not None  # noqa: S101  a picture holds at least one place
    return whole


@torch.inference_mode()
def _map(model: Model, rgb: NDArray[np.uint8]) -> Tensor:
    network = model.network
    pixels = torch.tensor(rgb).permute(2, 0, 1)[None].to(model.device)
    inputs = network.front(pixels)
    with mixed_precision(model.device):
        features: Tensor = network.body.forward_features(inputs)[0].float().cpu()
    return features.permute(2, 0, 1) if _is_nhwc(network) else features


def _pooled(model: Model, features: Tensor, cells: int) -> Iterator[Tensor]:
    """Return the embeddings of the windows that lie beside each other, row by row of the map."""
    network = model.network
    for row in range(features.shape[1] - cells + 1):
        strip = features[:, row : row + cells].to(model.device).unfold(2, cells, 1).permute(2, 0, 1, 3).contiguous()
        yield network.pooling(network.body, strip.permute(0, 2, 3, 1) if _is_nhwc(network) else strip)


def _by_crops(model: Model, rgb: NDArray[np.uint8]) -> Windows:
    crop_px = model.settings.crop_px
    height_px, width_px = rgb.shape[:2]
    cells = WINDOW_CELLS
    step_px = max(8, crop_px // cells // 8 * 8)
    while ((height_px - crop_px) // step_px + 1) * ((width_px - crop_px) // step_px + 1) > CROPS_MAX:
        step_px += 8
    ys, xs = range(0, height_px - crop_px + 1, step_px), range(0, width_px - crop_px + 1, step_px)
    rows = []
    for y in ys:
        crops = np.stack([rgb[y : y + crop_px, x : x + crop_px] for x in xs])
        tensor = torch.from_numpy(crops).permute(0, 3, 1, 2)
        rows.append(crop_answers(model.network, model.device, tensor, model.settings.batch)[0])
    return Windows(_log_shares(torch.stack(rows)), step_px, max(1, crop_px // step_px))


def _log_shares(logits: Tensor) -> Floats:
    return log_softmax(logits.double().numpy()).astype(np.float32)
