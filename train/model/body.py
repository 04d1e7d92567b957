"""Bodies: builds what stands behind the front end, a timm model by its name or one of our own small networks.

Weights to begin with come from the Hugging Face Hub (`train.pretrained`) or from a local safetensors file
(`train.weights`), either as timm publishes them or those of a run. Refuses unknown names, weights that cannot be
fetched and files that do not fit, each in a sentence.
"""

import difflib
from pathlib import Path
from typing import Any, cast

import safetensors
import safetensors.torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.torchvision_repair import repair_torchvision

SMALL = {"shutter_small": (32, 64, 128, 256), "shutter_tiny": (16, 32, 64, 128)}
"""Residual networks for training on CPUs, each of four stages of one block: the channels of the stages.

Crops per CPU second when training on 112 px crops with `front: both`, on an EPYC with AVX-512 bfloat16, in one run on
a shared machine: shutter_tiny 421, shutter_small 188, resnet10t 71.
"""

_OF_A_RUN = "body."
"""Begins the names of the body's weights in a run's file."""


def make_body(settings: Training, channels: int, size_px: int | None, fetch_weights: bool) -> nn.Module:
    """Return the network of `train.network` for inputs of some channels, without a classifier.

    `size_px`: edge of the crops, for networks of a fixed input size. `fetch_weights`: whether weights are loaded that
    `train.pretrained` or `train.weights` ask for. Raises ConfigurationError where that is impossible.
    """
    repair_torchvision()
    import timm

    name = settings.network
    _check_name(name)
    weights = _read_weights(settings.weights) if settings.weights is not None and fetch_weights else None
    if name in SMALL:
        if settings.pretrained and settings.weights is None:
            raise ConfigurationError(
                f"train.pretrained: {name!r} has no published weights; set it to false, or train.weights to the file "
                "of a run"
            )
        body = _small(SMALL[name], channels)
        if weights is not None:
            _load(body, weights, settings)
        return body
    changes: dict[str, Any] = {} if size_px is None else {"img_size": size_px}
    of_a_run = weights is not None and any(key.startswith(_OF_A_RUN) for key in weights)
    if weights is not None and not of_a_run:
        changes |= {"pretrained_cfg_overlay": {"state_dict": weights}}
    fetches = settings.pretrained and weights is None and fetch_weights
    if fetches and not timm.is_model_pretrained(name):
        raise ConfigurationError(f"train.pretrained: timm publishes no weights of {name!r}; set it to false")
    try:
        body = timm.create_model(
            name, pretrained=fetches or "pretrained_cfg_overlay" in changes, num_classes=0, in_chans=channels, **changes
        )
    except Exception as error:
        if told := _told(error, settings, fetches, weights is not None):
            raise ConfigurationError(told) from error
        raise
    if of_a_run:
        _load(body, cast(dict[str, Tensor], weights), settings)
    return body


def fixed_size_px(network: str) -> int | None:
    """Return the size that timm made a network of a fixed input size for; None for all others."""
    repair_torchvision()
    import timm

    config = timm.get_pretrained_cfg(network) if timm.is_model(network) else None
    return int(config.input_size[-1]) if config is not None and config.fixed_input_size else None


def _check_name(network: str) -> None:
    import timm

    if network not in SMALL and not timm.is_model(network):
        near = difflib.get_close_matches(network, [*timm.list_models(), *SMALL], n=3)
        raise ConfigurationError(
            f"train.network: {network!r} is neither a model of timm nor one of {', '.join(SMALL)}"
            + (f"; similar: {', '.join(near)}" if near else "")
        )


def _read_weights(path: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(Path(path).expanduser())
    except FileNotFoundError as error:
        raise ConfigurationError(f"train.weights: {path}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"train.weights: {path} cannot be read: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise ConfigurationError(
            f"train.weights: {path} is not a safetensors file: {error}; other kinds of files are not read, since "
            "reading them can run code"
        ) from error


def _load(body: nn.Module, weights: dict[str, Tensor], settings: Training) -> None:
    own = {key.removeprefix(_OF_A_RUN): tensor for key, tensor in weights.items() if key.startswith(_OF_A_RUN)}
    wanted = body.state_dict()
    faults = [key for key, tensor in own.items() if key not in wanted or tensor.shape != wanted[key].shape]
    if faults or not own:
        what = f"{len(faults)} of its {len(own)} tensors, the first {faults[0]}" if own else "it holds no run's network"
        raise ConfigurationError(
            f"train.weights: {settings.weights} does not fit train.network {settings.network!r} with train.front "
            f"{settings.front!r}: {what}"
        )
    body.load_state_dict(own, strict=False)  # a run may lack parts that its pooling did not reach


def _told(error: Exception, settings: Training, fetches: bool, from_file: bool) -> str | None:
    """Return the sentence for an error of timm where weights were to be loaded; None for any other fault."""
    first = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    if from_file and isinstance(error, (RuntimeError, KeyError)):
        return f"train.weights: {settings.weights} does not fit train.network {settings.network!r}: {first}"
    # what huggingface_hub raises without a network depends on its version and on its client's: OSError, httpx's, own
    if fetches and not isinstance(error, (RuntimeError, AssertionError, IndexError, TypeError)):
        return (
            f"train.pretrained: the weights of {settings.network!r} cannot be fetched from the Hugging Face Hub: "
            f"{first}; give a local safetensors file as train.weights, or set train.pretrained to false"
        )
    return None


def _small(stages: tuple[int, ...], channels: int) -> nn.Module:
    from timm.models.resnet import BasicBlock, ResNet

    block = cast(Any, BasicBlock)  # timm annotates an instance but takes the class
    stem: dict[str, Any] = {"stem_type": "deep", "stem_width": stages[0] // 2}
    return ResNet(block, (1, 1, 1, 1), num_classes=0, in_chans=channels, channels=stages, **stem)
