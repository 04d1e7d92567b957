"""Network: builds a classifier of uint8 crops from a front end, the name of a timm model, a pooling and a head.

Crops enter as bytes, N × 3 × H × W, RGB, a quarter of the data that floats would be; the front end turns them into
the network's inputs. The network answers with logits (`forward`), or in two steps: `embed`, then `classify`.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.body import fixed_size_px, make_body
from train.model.heads import make_classifier
from train.model.pooling import drop_unreached, make_pooling

Front = Literal["rgb", "residual", "both"]

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
    """A front end, a network, its pooling and a classifier: uint8 crops N×3×H×W → logits N×classes.

    `size_px`: edge of the crops, for networks of a fixed input size. `fetch_weights`: as of `build_network`.
    """

    def __init__(
        self, settings: Training, classes: int, size_px: int | None = None, fetch_weights: bool = True
    ) -> None:
        super().__init__()
        self.size_px = size_px
        self.front = FrontEnd(settings.front)
        body = make_body(settings, self.front.channels, size_px, fetch_weights)
        self.pooling = make_pooling(body, settings)
        example = torch.zeros(1, self.front.channels, settings.crop_px, settings.crop_px)
        unreached = () if settings.pooling == "mean" else drop_unreached(body.eval(), example)
        self.unreached = frozenset(f"body.{name}" for name in unreached)
        """Names of parameters that never learn, since pooling takes the features before them."""
        self.body = body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.classifier = make_classifier(self.pooling.features, classes, settings)
        self.manipulation = nn.Linear(self.pooling.features, 1) if settings.manipulation_head else None

    @property
    def features(self) -> int:
        """Numbers in an embedding."""
        return self.pooling.features

    def forward(self, crops_nchw: Tensor, with_altered: bool = False) -> Any:
        """Return the logits of uint8 crops, N×classes; `with_altered`: and those of `altered`, as a pair."""
        embedding = self.embed(crops_nchw)
        return (self.classify(embedding), self.altered(embedding)) if with_altered else self.classify(embedding)

    def embed(self, crops_nchw: Tensor) -> Tensor:
        """Return the embeddings of uint8 crops, float32 N×features: what the classifier gets."""
        with torch.autocast(crops_nchw.device.type, enabled=False):  # residuals of bytes are exact in float32 only
            inputs = self.front(crops_nchw)
        return cast(Tensor, self.pooling(self.body, self.body.forward_features(inputs)))

    def classify(self, embedding: Tensor) -> Tensor:
        """Return the logits N×classes of embeddings N×features, in float32."""
        with torch.autocast(embedding.device.type, enabled=False):
            return cast(Tensor, self.classifier(embedding))

    def altered(self, embedding: Tensor) -> Tensor:
        """Return the logits N of "this crop was manipulated"; raises ValueError without `train.manipulation_head`."""
        if self.manipulation is None:
            raise ValueError("this network was built without train.manipulation_head")
        with torch.autocast(embedding.device.type, enabled=False):
            return cast(Tensor, self.manipulation(embedding)).squeeze(1)


def outline_network(settings: Training, classes: int) -> CameraNetwork:
    """Return a network without numbers, which takes no memory: names and shapes of its weights; errors as below."""
    with torch.device("meta"):
        return build_network(settings, classes, fetch_weights=False)


def fill_network(outline: CameraNetwork, settings: Training, classes: int, weights: dict[str, Tensor]) -> CameraNetwork:
    """Return the network of an outline with these weights, built and not tried again.

    Raises ValueError, before memory is asked for, where the weights are of other names or shapes.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in outline.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if faults := sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)):
        name = faults[0]
        told = f"{name} is {found.get(name, 'missing')}, and should be {wanted.get(name, 'missing')}"
        raise ValueError(f"{len(faults)} tensors differ, the first: {told}")
    network = CameraNetwork(settings, classes, outline.size_px, fetch_weights=False)
    network.load_state_dict(weights)
    return network.eval()


def build_network(settings: Training, classes: int, fetch_weights: bool = True) -> CameraNetwork:
    """Return an untrained network, or one with the weights that `train.pretrained` or `train.weights` name.

    `fetch_weights`: False where all weights come from a run, so that neither network nor file is asked. Networks of a
    fixed input size (ViT, DeiT, Swin …) are built for crops of `train.crop_px`. Initial weights are drawn from torch's
    global random numbers. Raises ConfigurationError for an unknown name, for weights that cannot be had and for a
    network that does not take crops of `train.crop_px`.
    """
    fixed_px = fixed_size_px(settings.network)
    fault: Exception | None = None
    for size_px in (settings.crop_px, None) if fixed_px else (None,):
        try:
            network = CameraNetwork(settings, classes, size_px, fetch_weights).eval()
            with torch.no_grad():
                crops = torch.zeros(1, 3, settings.crop_px, settings.crop_px, dtype=torch.uint8)
                if crops.is_meta:  # for which torch has no autocast
                    network.body.forward_features(network.front(crops))
                else:
                    network(crops)
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


def compile_network(network: CameraNetwork, settings: Training, backend: str = "inductor") -> None:
    """Compile the network in place where `train.compile` is set; its weights keep their names.

    That happens at its first batch, and anew for training and for answers, once for the first size of batches and once
    for all others. `true` compiles it as one graph, or its first batch raises torch's error, and raises
    ConfigurationError where the machine lacks what compiling needs. `auto` does nothing there or without `train.gpus`,
    and leaves parts that cannot be compiled as they are. `backend`: of torch.compile.
    """
    if not settings.compile or (settings.compile == "auto" and not settings.gpus):
        return
    missing = _missing_to_compile(settings.gpus) if backend == "inductor" else None
    if missing is None:
        network.compile(fullgraph=settings.compile != "auto", backend=backend)
    elif settings.compile != "auto":
        raise ConfigurationError(
            f"train.compile: is true, but this machine has no {missing}; install it, or set the key to false"
        )


def _missing_to_compile(for_gpus: bool) -> str | None:
    """Return what torch.compile needs and this machine lacks; None where it has all."""
    if for_gpus and importlib.util.find_spec("triton") is None:
        return "Triton"
    variable, names = ("CC", ("gcc", "clang", "cc")) if for_gpus else ("CXX", ("g++", "clang++"))
    has_compiler = any(shutil.which(name) for name in (os.environ.get(variable, ""), *names) if name)
    return None if has_compiler else "C compiler" if for_gpus else "C++ compiler"


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
