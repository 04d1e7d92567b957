"""Optimisation: the optimizers and the schedules of a training."""

from collections.abc import Callable

import pytest
import torch

from corpus.sections import Training
from train.model.network import build_network
from train.model.optimisation import learning_rate, make_optimizer

Settings = Callable[..., Training]


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_each_optimizer_is_its_own_and_has_all_parameters(
    settings: Settings, name: str, kind: type[torch.optim.Optimizer]
) -> None:
    own = settings(optimizer=name, weight_decay=0.1)
    network = build_network(own, 3)
    optimizer = make_optimizer(network, own)
    assert type(optimizer) is kind
    held = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in network.parameters())
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.1}
    if name == "sgd":
        assert all(group["momentum"] == 0.9 and group["nesterov"] for group in optimizer.param_groups)


def test_cycles_go_from_a_hundredth_to_the_whole_rate_and_back(settings: Settings) -> None:
    cyclic = settings(schedule="cyclic", cycles=3, epochs=3, steps_per_epoch=100, learning_rate=1.0)
    rates = [learning_rate(step, cyclic) for step in range(300)]
    assert rates[100:] == pytest.approx(rates[:200])
    assert rates[:50] == sorted(rates[:50])
    assert rates[50:100] == pytest.approx(rates[49::-1])
    assert (min(rates), max(rates)) == pytest.approx((0.02, 0.99), abs=0.005)


def test_a_constant_rate_stays_after_its_warm_up(settings: Settings) -> None:
    constant = settings(schedule="constant", warm_up_steps=4, epochs=2, steps_per_epoch=10, learning_rate=1.0)
    assert [learning_rate(step, constant) for step in range(20)] == [0.25, 0.5, 0.75] + [1.0] * 17
