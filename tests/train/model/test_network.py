import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model import network as module
from train.model.loss import training_loss
from train.model.network import FrontEnd, build_network, check_trains, compile_network, mixed_precision


@pytest.fixture
def crops() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(40, 200, (2, 3, 32, 32), dtype=np.uint8))


@pytest.mark.parametrize(("front", "channels"), [("rgb", 3), ("residual", 9), ("both", 12)])
def test_a_front_gives_the_network_its_channels(crops: torch.Tensor, front: str, channels: int) -> None:
    end = FrontEnd(front)  # type: ignore[arg-type]
    assert end.channels == channels
    seen = end(crops)
    assert seen.shape == (2, channels, 32, 32)
    assert seen.abs().max() <= 4.0
    assert not list(end.parameters())


def test_residuals_are_blind_to_flat_and_slanted_scenes_and_see_noise(crops: torch.Tensor) -> None:
    ramp = torch.arange(32, dtype=torch.uint8) * 3
    slanted = (ramp[:, None] + ramp[None, :] // 3).expand(1, 3, 32, 32)
    inside = np.s_[:, :, 2:-2, 2:-2]
    assert FrontEnd("residual")(slanted)[inside].abs().max() <= 1 / 4  # rounding of the ramp alone
    assert FrontEnd("residual")(crops)[inside].abs().mean() > 1


def test_residuals_keep_colours_apart() -> None:
    crop = torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)
    crop[0, 1, 8, 8] = 130  # green alone
    energy = FrontEnd("residual")(crop).abs().sum(dim=(0, 2, 3))
    assert (energy[3:6] > 0).all()
    assert energy[:3].sum() + energy[6:].sum() == 0


@pytest.mark.parametrize("name", ["shutter_tiny", "shutter_small", "resnet10t"])
@pytest.mark.parametrize("front", ["rgb", "both"])
def test_networks_answer_a_logit_a_class(
    settings: Callable[..., Training], crops: torch.Tensor, name: str, front: str
) -> None:
    network = build_network(settings(network=name, front=front), 5)
    assert network(crops).shape == (2, 5)


def test_equal_seeds_build_equal_networks(settings: Callable[..., Training]) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([each.flatten() for each in build_network(settings(), 3).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_an_unknown_name_is_refused_with_similar_ones(settings: Callable[..., Training]) -> None:
    with pytest.raises(ConfigurationError, match=r"train.network: 'resnet10x' is neither .* similar: .*resnet10t"):
        build_network(settings(network="resnet10x"), 3)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "deit_tiny_patch16_224"])
def test_a_network_of_a_fixed_input_size_is_built_for_the_crops(
    settings: Callable[..., Training], crops: torch.Tensor, name: str
) -> None:
    network = build_network(settings(network=name), 3)
    assert network(crops).shape == (2, 3)
    assert network.state_dict().keys() == build_network(settings(network=name), 3).state_dict().keys()


def test_a_network_that_takes_no_such_crops_is_refused_with_the_size_it_is_made_for(
    settings: Callable[..., Training],
) -> None:
    sentence = r"'maxvit_nano_rw_256' does not take crops of 33 px: .*; set train\.crop_px to 256, which it is made for"
    with pytest.raises(ConfigurationError, match=sentence):
        build_network(settings(network="maxvit_nano_rw_256", crop_px=33, outer_crop_px=64), 3)


def test_batches_of_one_crop_are_refused_where_a_channel_has_one_value_left(settings: Callable[..., Training]) -> None:
    alone = settings(network="mobilenetv4_conv_small", batch=1)
    with pytest.raises(
        ConfigurationError, match=r"train\.batch: 1 is too few for 'mobilenetv4_conv_small', .*2 or more"
    ):
        check_trains(build_network(alone, 3), alone)
    for changes in ({"network": "resnet10t", "crop_px": 64, "outer_crop_px": 64}, {"network": "vit_tiny_patch16_224"}):
        fits = settings(**changes, batch=1)
        check_trains(build_network(fits, 3), fits)


def test_a_check_draws_no_random_numbers(settings: Callable[..., Training]) -> None:
    alone = settings(network="vit_tiny_patch16_224", batch=1)
    network = build_network(alone, 3)
    state = torch.get_rng_state()
    check_trains(network, alone)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_small_network_has_no_published_weights(settings: Callable[..., Training]) -> None:
    with pytest.raises(ConfigurationError, match=r"train\.pretrained: .* has no published weights"):
        build_network(settings(pretrained=True), 3)


def test_mixed_precision_never_touches_the_front(settings: Callable[..., Training], crops: torch.Tensor) -> None:
    network = build_network(settings(front="both"), 3)
    seen: list[torch.Tensor] = []
    network.front.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with mixed_precision(torch.device("cpu")):
        network(crops)
    assert seen[0].dtype == torch.float32


@pytest.mark.slow
def test_a_compiled_network_is_one_graph_and_answers_any_number_of_crops(
    settings: Callable[..., Training], crops: torch.Tensor
) -> None:
    compiling = settings(compile=True, manipulation_head=True, batch=2)
    network = build_network(compiling, 3)
    plain = copy.deepcopy(network)
    compile_network(network, compiling, backend="eager")  # finds the graph; the compiler itself takes minutes
    assert network.state_dict().keys() == plain.state_dict().keys()
    labels, manipulated = torch.tensor([0, 2]), torch.tensor([True, False])
    losses = [training_loss(each.train(), crops, labels, manipulated, compiling).loss for each in (network, plain)]
    torch.testing.assert_close(*losses)
    many = crops.repeat(6, 1, 1, 1)
    with torch.inference_mode():  # a graph is found anew eight times at most
        for number in range(2, 13):
            torch.testing.assert_close(network.eval()(many[:number]), plain.eval()(many[:number]))


@pytest.mark.slow
def test_what_cannot_be_compiled_stops_only_a_training_that_insists(
    settings: Callable[..., Training], crops: torch.Tensor
) -> None:
    insists, automatic = settings(compile=True), settings(compile="auto", gpus=True)
    network = build_network(settings(), 3)
    expected = network(crops)
    network.front.register_forward_hook(lambda *_: torch._dynamo.graph_break())
    compile_network(network, insists, backend="eager")
    with pytest.raises(torch._dynamo.exc.Unsupported):
        network(crops)
    compile_network(network, automatic, backend="eager")
    torch.testing.assert_close(network(crops), expected)


@pytest.mark.parametrize(
    ("changes", "missing", "compiles"),
    [
        ({}, False, False),
        ({"compile": "auto"}, False, False),
        ({"compile": "auto", "gpus": True}, False, True),
        ({"compile": "auto", "gpus": True}, True, False),
        ({"compile": True}, False, True),
    ],
)
def test_auto_compiles_for_gpus_where_the_machine_can(
    settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], missing: bool,
    compiles: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None if missing else object())
    network = build_network(settings(**changes), 3)
    compile_network(network, settings(**changes))
    assert (network._compiled_call_impl is not None) == compiles


def test_a_machine_without_a_compiler_is_told(
    settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    network = build_network(settings(), 3)
    with pytest.raises(ConfigurationError, match=r"train\.compile: is true, but this machine has no C\+\+ compiler"):
        compile_network(network, settings(compile=True))


@pytest.mark.slow
def test_timm_can_be_imported_in_a_fresh_process_once_torchvision_is_repaired() -> None:
    code = (
        "from train.model.torchvision_repair import repair_torchvision as repair\n"
        "first = repair(); assert repair() is first\n"
        "import timm, torchvision.transforms"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
