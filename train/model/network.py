"""Network: builds a classifier of uint8 crops from the name of a timm model and a front end.

Crops enter as bytes, N × 3 × H × W, RGB, a quarter of the data that floats would be; the front end turns them into
the network's inputs. A name that neither timm nor `SMALL` knows is refused.
"""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.torchvision_repair import repair_torchvision

Front = Literal["rgb", "residual", "both"]

SMALL = {"shutter_small": (32, 64, 128, 256), "shutter_tiny": (16, 32, 64, 128)}
"""Residual networks for training on CPUs, each of four stages of one block: the channels of the stages.

Crops per CPU second when training on 112 px crops with `front: both`, on an EPYC with AVX-512 bfloat16, in one run on
a shared machine: shutter_tiny 421, shutter_small 188, resnet10t 71.
"""

_RESIDUAL_SCALE = 4.0  # levels that become 1: noise and demosaicing leave 1 to 10; a power of two keeps it exact
_RESIDUAL_LIMIT = 4.0  # an edge of the scene counts no more than this, as SRM truncates its residuals

_KERNELS = (
    ((-1.0, 2.0, -1.0), (2.0, -4.0, 2.0), (-1.0, 2.0, -1.0)),
    ((0.0, 0.0, 0.0), (1.0, -2.0, 1.0), (0.0, 0.0, 0.0)),
    ((0.0, 1.0, 0.0), (0.0, -2.0, 0.0), (0.0, 1.0, 0.0)),
)


class FrontEnd(nn.Module):
    """Turns a crop into the network's input.

    `rgb`: values as -1..1, 3 channels. `residual`: three high-pass residuals of each colour, 9 channels: the
    square 3×3 and the horizontal and vertical second differences of the rich models for steganalysis (Fridrich
    and Kodovský, IEEE TIFS 7(3), 2012), scaled and truncated. They suppress the scene, which a network would otherwise
    learn instead of the camera. `both`: the two side by side, 12 channels.
    """

    kernels: Tensor
    offsets: Tensor

    def __init__(self, front: Front) -> None:
        super().__init__()
        parts = [_rgb()] if front == "rgb" else [_residuals()] if front == "residual" else [_rgb(), _residuals()]
        # one dense convolution with fixed weights is six times as fast as one convolution for each colour
        kernels = torch.cat([kernels for kernels, _ in parts]).contiguous(memory_format=torch.channels_last)
        self.register_buffer("kernels", kernels, persistent=False)
        self.register_buffer("offsets", torch.cat([offsets for _, offsets in parts]), persistent=False)

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return len(self.kernels)

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Turn uint8 crops N×3×H×W into float32 inputs N×channels×H×W."""
        pixels = crops_nchw.to(torch.float32, memory_format=torch.channels_last)
        padded = nn.functional.pad(pixels, (1, 1, 1, 1), mode="reflect")
        seen = nn.functional.conv2d(padded, self.kernels, self.offsets)
        return seen.clamp_(-_RESIDUAL_LIMIT, _RESIDUAL_LIMIT)  # does not touch the pixels' -1..1


def _rgb() -> tuple[Tensor, Tensor]:
    """Return kernels and offsets that map 0..255 to -1..1."""
    kernels = torch.zeros(3, 3, 3, 3)
    kernels[range(3), range(3), 1, 1] = 1 / 127.5
    return kernels, torch.full((3,), -1.0)


def _residuals() -> tuple[Tensor, Tensor]:
    """Return kernels and offsets of all residuals of red, then of green, then of blue."""
    bank = torch.tensor(_KERNELS)
    bank = bank / bank.abs().sum(dim=(1, 2), keepdim=True) * 2.0  # each is a difference of two means, in levels
    kernels = torch.zeros(3, len(bank), 3, 3, 3)
    for colour in range(3):
        kernels[colour, :, colour] = bank / _RESIDUAL_SCALE
    return kernels.flatten(0, 1), torch.zeros(3 * len(bank))


class CameraNetwork(nn.Module):
    """A front end followed by a timm classifier: uint8 crops N×3×H×W → logits N×classes."""

    def __init__(
        self, network: str, front: Front, classes: int, pretrained: bool = False, size_px: int | None = None
    ) -> None:
        super().__init__()
        self.front = FrontEnd(front)
        body = _body(network, self.front.channels, classes, pretrained, size_px)
        self.body = body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Return the logits of uint8 crops."""
        return self.classify(self.embed(crops_nchw))

    def embed(self, crops_nchw: Tensor) -> Tensor:
        """Return the embeddings of uint8 crops, N×D: what the classifier sees."""
        with torch.autocast(crops_nchw.device.type, enabled=False):  # residuals of bytes are exact in float32 only
            inputs = self.front(crops_nchw)
        body = cast(Any, self.body)
        return cast(Tensor, body.forward_head(body.forward_features(inputs), pre_logits=True))

    def classify(self, embeddings: Tensor) -> Tensor:
        """Return the logits of embeddings."""
        return cast(Tensor, cast(Any, self.body).get_classifier()(embeddings))


def build_network(settings: Training, classes: int) -> CameraNetwork:
    """Return an untrained network, or one with timm's published weights where `train.pretrained` is set.

    Networks of a fixed input size (ViT, DeiT, Swin …) are built for crops of `train.crop_px`. Initial weights are drawn
    from torch's global random numbers. Raises ConfigurationError for an unknown name and for a network that does not
    take crops of `train.crop_px`.
    """
    fixed_px = _fixed_size_px(settings.network)
    fault: Exception | None = None
    for size_px in (settings.crop_px, None) if fixed_px else (None,):
        try:
            network = CameraNetwork(settings.network, settings.front, classes, settings.pretrained, size_px).eval()
            with torch.no_grad():
                network(torch.zeros(1, 3, settings.crop_px, settings.crop_px, dtype=torch.uint8))
        except (RuntimeError, AssertionError, IndexError, TypeError) as error:  # what timm's networks raise for a size
            fault = fault or error
        else:
            return network
    cure = f"set train.crop_px to {fixed_px}, which it is made for" if fixed_px else "raise train.crop_px"
    raise ConfigurationError(
        f"train.network: {settings.network!r} does not take crops of {settings.crop_px} px: {fault}; {cure}, or choose "
        "another network"
    ) from fault


def check_trains(network: CameraNetwork, settings: Training) -> None:
    """Raise ConfigurationError where batches of one crop cannot train a network; changes its batch statistics.

    Batch normalisation needs two values a channel, and behind the last pooling, or of a small crop, one is left.
    """
    if settings.batch > 1:
        return
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            network.train()(torch.zeros(1, 3, settings.crop_px, settings.crop_px, dtype=torch.uint8))
    except ValueError as error:
        raise ConfigurationError(
            f"train.batch: 1 is too few for {settings.network!r}, which normalises over the batch ({error}); set it to "
            "2 or more, or choose another network"
        ) from error


def _fixed_size_px(network: str) -> int | None:
    """Return the size that timm made a network of a fixed input size for; None for all others."""
    repair_torchvision()
    import timm

    config = timm.get_pretrained_cfg(network) if timm.is_model(network) else None
    return int(config.input_size[-1]) if config is not None and config.fixed_input_size else None


@contextmanager
def mixed_precision(device: torch.device) -> Iterator[None]:
    """Compute in bfloat16 where the hardware does so natively (1.7 times as fast on CPUs), else in float32."""
    if device.type == "cuda":
        enabled = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        enabled = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled):
        yield


def _body(network: str, channels: int, classes: int, pretrained: bool, size_px: int | None) -> nn.Module:
    repair_torchvision()
    import timm

    if network in SMALL:
        if pretrained:
            raise ConfigurationError(f"train.pretrained: {network!r} has no published weights; set it to false")
        return _small(SMALL[network], channels, classes)
    if not timm.is_model(network):
        near = difflib.get_close_matches(network, [*timm.list_models(), *SMALL], n=3)
        raise ConfigurationError(
            f"train.network: {network!r} is neither a model of timm nor one of {', '.join(SMALL)}"
            + (f"; similar: {', '.join(near)}" if near else "")
        )
    size: dict[str, Any] = {} if size_px is None else {"img_size": size_px}
    return timm.create_model(network, pretrained, num_classes=classes, in_chans=channels, **size)


def _small(stages: tuple[int, ...], channels: int, classes: int) -> nn.Module:
    from timm.models.resnet import BasicBlock, ResNet

    block = cast(Any, BasicBlock)  # timm annotates an instance but takes the class
    stem: dict[str, Any] = {"stem_type": "deep", "stem_width": stages[0] // 2}
    return ResNet(block, (1, 1, 1, 1), num_classes=classes, in_chans=channels, channels=stages, **stem)
