"""Bodies: weights to begin with, from a file or from the Hub, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.body import make_body
from train.model.network import build_network

Settings = Callable[..., Training]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., str]:
    """Write tensors as a safetensors file and return its path."""

    def save(tensors: dict[str, Tensor]) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.safetensors"
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
        return str(path)

    return save


def of_run(network: nn.Module, without: str = "none") -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.state_dict().items() if without not in name}


def test_a_training_starts_from_the_body_of_a_run_with_other_cameras(
    settings: Settings, saved: Callable[..., str]
) -> None:
    before = build_network(settings(), 5)
    began = build_network(settings(weights=saved(of_run(before))), 3)
    for name, tensor in before.body.state_dict().items():
        assert torch.equal(began.body.state_dict()[name], tensor)
    assert began.classifier.weight.shape[0] == 3


def test_a_run_lacks_the_head_that_its_pooling_did_not_reach(settings: Settings, saved: Callable[..., str]) -> None:
    own = settings(network="convnext_atto")
    before = build_network(own, 3)
    published = make_body(own, 9, None, False).state_dict().keys()
    lacking = published - before.body.state_dict().keys()
    assert lacking
    assert all(name.startswith("head.") for name in lacking)
    weights = saved(of_run(before))
    for pooling in ("mean_std", "mean"):
        began = build_network(settings(network="convnext_atto", pooling=pooling, weights=weights), 3)
        assert torch.equal(next(began.body.parameters()), next(before.body.parameters()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda network: of_run(network, "body.layer4"), r"it lacks \d+ of \d+ tensors, the first layer4\.0\.conv1\."),
        (lambda network: of_run(network) | {"body.more.weight": torch.zeros(1)}, r"1 of its \d+ tensors, the first mo"),
        (lambda network: of_run(network) | {"body.layer1.0.conv1.weight": torch.zeros(1)}, "the first layer1"),
        (lambda network: {"weight": torch.zeros(1)}, "it holds no run's network"),
    ],
)
def test_weights_that_are_not_those_of_the_network_are_refused(
    settings: Settings, saved: Callable[..., str], change: Callable[[nn.Module], dict[str, Tensor]], sentence: str
) -> None:
    weights = saved(change(build_network(settings(), 3)))
    with pytest.raises(ConfigurationError, match=rf"{weights} does not fit train\.network 'shutter_tiny'.*{sentence}"):
        build_network(settings(weights=weights), 3)


def test_weights_of_a_smaller_network_of_timm_are_refused(settings: Settings, saved: Callable[..., str]) -> None:
    smaller = make_body(settings(network="resnet10t"), 3, None, False).state_dict()
    published, of_a_run = saved(smaller), saved({f"body.{name}": tensor for name, tensor in smaller.items()})
    for weights in (published, of_a_run):
        with pytest.raises(ConfigurationError, match=rf"{weights} does not fit train\.network 'resnet14t'"):
            build_network(settings(network="resnet14t", front="rgb", weights=weights), 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "no such file"), (b"PK\3\4 pickled", "is not a safetensors file: .*; other kinds of files are not read")],
)
def test_a_file_that_holds_no_weights_is_refused(
    settings: Settings, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"train\.weights: {path}.* ?{sentence}"):
        build_network(settings(weights=str(path)), 3)
    build_network(settings(weights=str(path)), 3, fetch_weights=False)


def test_a_hub_that_does_not_answer_is_told_with_the_cures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_hub(*_: object) -> str:
        raise ConnectionError("no route.\nand more")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", no_hub)
    sentence = (
        r"train\.pretrained: the weights of 'resnet10t' \(timm/resnet10t\.\S+\) cannot be fetched .*: ConnectionError: "
        r"no route; give a local safetensors file as train\.weights, or set train\.pretrained to false$"
    )
    with pytest.raises(ConfigurationError, match=sentence):
        build_network(settings(network="resnet10t", pretrained=True), 3)


def test_a_network_without_published_weights_is_told(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"train\.pretrained: timm publishes no weights of 'cspresnet50d'"):
        build_network(settings(network="cspresnet50d", pretrained=True), 3)
