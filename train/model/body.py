"""Bodies: builds what stands behind the front end, a timm model by its name or one of our own small networks.

Weights to begin with come from the Hugging Face Hub (`train.pretrained`) or from a local safetensors file
(`train.weights`), either as timm publishes them or those of a run. Refuses unknown names, weights that cannot be
fetched and files that do not fit, each in a sentence.
"""

import copy
import difflib
from pathlib import Path
from typing import Any, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.pooling import drop_unreached
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
    weights = _first_weights(settings) if fetch_weights else None
    if name in SMALL:
        body = _small(SMALL[name], channels)
        if weights is not None:
            _load(body, weights, settings, channels)
        return body
    changes: dict[str, Any] = {} if size_px is None else {"img_size": size_px}
    as_published = weights is not None and not any(key.startswith(_OF_A_RUN) for key in weights)
    if as_published:
        changes |= {"pretrained_cfg_overlay": {"state_dict": weights}}
    try:
        body = timm.create_model(name, pretrained=as_published, num_classes=0, in_chans=channels, **changes)
    except (RuntimeError, KeyError) as error:
        first = str(error).strip().partition("\n")[0]
        if as_published and settings.weights is not None and "loading" in first:
            raise ConfigurationError(
                f"train.weights: {settings.weights} does not fit train.network {name!r}: {first}"
            ) from error
        raise
    if weights is not None and not as_published:
        _load(body, weights, settings, channels)
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


def _first_weights(settings: Training) -> dict[str, Tensor] | None:
    """Return the weights that a training starts from; None where they are drawn."""
    if settings.weights is not None:
        return _read(settings.weights, f"train.weights: {settings.weights}")
    if not settings.pretrained:
        return None
    if settings.network in SMALL:
        raise ConfigurationError(
            f"train.pretrained: {settings.network!r} has no published weights; set it to false, or train.weights to "
            "the file of a run"
        )
    return _fetched(settings.network)


def _fetched(network: str) -> dict[str, Tensor]:
    """Return timm's published weights of a network, from the Hugging Face Hub or from its cache on this machine."""
    import timm
    from huggingface_hub import hf_hub_download

    config = timm.get_pretrained_cfg(network)
    if config is None or not config.hf_hub_id:
        raise ConfigurationError(
            f"train.pretrained: timm publishes no weights of {network!r} on the Hugging Face Hub; set it to false, or "
            "give a safetensors file as train.weights"
        )
    try:
        path = hf_hub_download(config.hf_hub_id, config.hf_hub_filename or "model.safetensors")
    except Exception as error:  # its kinds depend on the version of huggingface_hub and of its client
        first = str(error).strip().partition("\n")[0].rstrip(".")
        raise ConfigurationError(
            f"train.pretrained: the weights of {network!r} ({config.hf_hub_id}) cannot be fetched from the Hugging "
            f"Face Hub: {type(error).__name__}: {first}; give a local safetensors file as train.weights, or set "
            "train.pretrained to false"
        ) from error
    return _read(path, f"train.pretrained: {path}")


def _read(path: str, where: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(Path(path).expanduser())
    except FileNotFoundError as error:
        raise ConfigurationError(f"{where}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise ConfigurationError(
            f"{where} is not a safetensors file: {error}; other kinds of files are not read, since reading them can "
            "run code"
        ) from error


def _load(body: nn.Module, weights: dict[str, Tensor], settings: Training, channels: int) -> None:
    own = {key.removeprefix(_OF_A_RUN): tensor for key, tensor in weights.items() if key.startswith(_OF_A_RUN)}
    if misfit := _misfit(body, own, torch.zeros(1, channels, settings.crop_px, settings.crop_px)):
        raise ConfigurationError(
            f"train.weights: {settings.weights} does not fit train.network {settings.network!r} with train.front "
            f"{settings.front!r}: {misfit}"
        )
    body.load_state_dict(own, strict=False)  # a run lacks the network's own head where its pooling did not reach it


def _misfit(body: nn.Module, own: dict[str, Tensor], example: Tensor) -> str | None:
    """Return why these weights are not those of a network, an input of which is `example`; None where they are."""
    if not own:
        return "it holds no run's network"
    wanted = body.state_dict()
    if faults := [key for key, tensor in own.items() if key not in wanted or tensor.shape != wanted[key].shape]:
        return f"{len(faults)} of its {len(own)} tensors, the first {faults[0]}"
    missing = [key for key in wanted if key not in own]
    if missing:
        whole = copy.deepcopy(body).eval()
        drop_unreached(whole, example)
        learned = whole.state_dict().keys()
        missing = [key for key in missing if key in learned]
    return f"it lacks {len(missing)} of {len(wanted)} tensors, the first {missing[0]}" if missing else None


def _small(stages: tuple[int, ...], channels: int) -> nn.Module:
    from timm.models.resnet import BasicBlock, ResNet

    block = cast(Any, BasicBlock)  # timm annotates an instance but takes the class
    stem: dict[str, Any] = {"stem_type": "deep", "stem_width": stages[0] // 2}
    return ResNet(block, (1, 1, 1, 1), num_classes=0, in_chans=channels, channels=stages, **stem)
