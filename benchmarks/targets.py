"""Targets of benchmarks: compares measured values with targets and prints the comparison."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One line of the table."""

    what: str
    measured: str
    wanted: str
    is_met: bool


def at_least(what: str, value: float, bound: float) -> Target:
    """Return a target that `bound` or more meets."""
    return Target(what, f"{value:.2f}", f"at least {bound:g}", value >= bound)


def at_most(what: str, value: float, bound: float) -> Target:
    """Return a target that `bound` or less meets."""
    return Target(what, f"{value:.2f}", f"at most {bound:g}", value <= bound)


def no_fault(what: str, fault: str | None) -> Target:
    """Return a target that is met where there is no fault."""
    return Target(what, fault or "yes", "yes", fault is None)


def print_targets(targets: Iterable[Target]) -> bool:
    """Print the table; return whether all are met."""
    targets = list(targets)
    width = max([len(target.what) for target in targets], default=0)
    print(f"\n{'target':<{width}}  {'wanted':<14}measured")
    for target in targets:
        print(f"{target.what:<{width}}  {target.wanted:<14}{target.measured}{'' if target.is_met else '  MISSED'}")
    return all(target.is_met for target in targets)
