"""Fine-tuning: which stages learn in which epoch, and how fast."""

from collections.abc import Callable

import pytest
import torch

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.fine_tuning import check_stages, frozen_in, prepare_epoch, rate_factors, stages_of
from train.model.network import CameraNetwork, build_network
from train.model.optimisation import make_optimizer, set_rate

Settings = Callable[..., Training]


def frozen(network: CameraNetwork) -> set[int]:
    """Return the stages whose parameters do not learn."""
    stages, parameters = stages_of(network), dict(network.named_parameters())
    return {stage for name, stage in stages.items() if not parameters[name].requires_grad}


def test_stages_go_from_the_stem_over_the_blocks_to_the_classifier(settings: Settings) -> None:
    stages = stages_of(build_network(settings(), 3))
    assert set(stages.values()) == {0, 1, 2, 3, 4, 5}
    assert stages["body.conv1.0.weight"] == 0
    assert stages["body.layer4.0.conv1.weight"] == 4
    assert {name for name, stage in stages.items() if stage == 5} == {"classifier.weight", "classifier.bias"}


def test_one_stage_more_learns_after_so_many_epochs_or_never(settings: Settings) -> None:
    stepwise = settings(frozen_stages=2, unfreeze_every_epochs=3)
    assert [frozen_in(epoch, stepwise) for epoch in range(9)] == [2, 2, 2, 1, 1, 1, 0, 0, 0]
    assert {frozen_in(epoch, settings(frozen_stages=2)) for epoch in range(9)} == {2}


def test_frozen_stages_keep_weights_and_batch_statistics_until_they_learn(settings: Settings) -> None:
    stepwise = settings(frozen_stages=5, unfreeze_every_epochs=1)
    network = build_network(stepwise, 3)
    crops = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    body = {name: tensor.clone() for name, tensor in network.body.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for epoch, resting in enumerate([{0, 1, 2, 3, 4}, {0, 1, 2, 3}]):
        network.train()
        assert prepare_epoch(network, epoch, stepwise)
        assert frozen(network) == resting
        assert not prepare_epoch(network, epoch, stepwise)  # nothing changes within an epoch
        optimizer.zero_grad()
        network(crops).square().sum().backward()
        optimizer.step()
        now = network.body.state_dict()
        changed = {name.split(".")[0] for name, tensor in body.items() if not torch.equal(tensor, now[name])}
        assert changed == ({"layer4"} if epoch else set())


def test_without_frozen_stages_nothing_is_touched(settings: Settings) -> None:
    network = build_network(settings(), 3)
    assert not prepare_epoch(network, 0, settings())
    assert frozen(network) == set()


def test_each_stage_below_gets_a_part_of_the_rate(settings: Settings) -> None:
    falling = settings(rate_by_depth=0.5, learning_rate=1.0)
    network = build_network(falling, 3)
    factors = rate_factors(network, falling)
    assert (factors["classifier.weight"], factors["body.layer4.0.conv1.weight"]) == (1.0, 0.5)
    assert factors["body.conv1.0.weight"] == 0.5**5
    optimizer = make_optimizer(network, falling)
    set_rate(optimizer, 0.1)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.1 * factors[name])


def test_all_stages_but_the_classifier_may_be_frozen(settings: Settings) -> None:
    network = build_network(settings(), 3)
    check_stages(network, settings(frozen_stages=5))
    with pytest.raises(ConfigurationError, match=r"train\.frozen_stages: 6 is more than the 5 stages .* 5 or less"):
        check_stages(network, settings(frozen_stages=6))
