"""Device: whether one of the devices whose fingerprints are given took the photograph, by its sensor's pattern."""

from collections.abc import Iterator

from examiner.detectors.prnu.computational import GENERAL, known_trouble
from examiner.detectors.prnu.fingerprint import REFERENCES_ADVISED, Fingerprint
from examiner.detectors.prnu.matching import SURE_LOG10, TURNS, Match, match
from examiner.detectors.prnu.residual import signal_of
from examiner.finding import Finding, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

PCE_USUAL = 60.0
"""Peak-to-correlation energy from which a match is declared in the literature (Goljan, Fridrich and Filler 2009)."""
METHOD = (
    "Each photosite's own sensitivity leaves a pattern in the noise of all photographs by one device. The photograph's "
    "noise is correlated with the fingerprint, in every turn and size tried and, for crops, at each shift inside it."
)
SOURCE = (
    "Chen, Fridrich, Goljan and Lukáš, IEEE TIFS 3 (2008); Goljan and Fridrich, SPIE 6819 (2008); Goljan, Fridrich and "
    "Filler, SPIE 7254 (2009)"
)


def device_pattern(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say of each device that is known whether its pattern is in the photograph; nothing without a device."""
    if not knowledge.devices:
        return
    signal = signal_of(photograph.luma)
    for number, device in enumerate(knowledge.devices, 1):
        name = f"device_pattern_{number}" if len(knowledge.devices) > 1 else "device_pattern"
        try:
            found = match(signal, device.pattern)
        except ValueError as error:
            yield Finding(
                name, "device", f"Nothing can be said of the device {device.name}: the photograph {error}.", "none",
                method=METHOD, source=SOURCE, caution=GENERAL,
            )  # fmt: skip
            continue
        yield Finding(
            name, "device", sentence(found, device, photograph.sha256), "expected",
            evidence=(as_table(found, device),), method=METHOD, source=SOURCE, caution=caution_of(photograph, device),
        )  # fmt: skip


def is_match(found: Match) -> bool:
    """Return whether a match is declared: by the usual threshold and by the chance among all that was searched."""
    return found.pce >= PCE_USUAL and found.log10_false_alarm <= SURE_LOG10


def sentence(found: Match, device: Fingerprint, sha256: str) -> str:
    """Return what a match says, in one sentence."""
    if sha256 in device.digests:
        return (
            f"This photograph is one of the {device.photographs} from which the fingerprint {device.name} was made, so "
            f"its peak-to-correlation energy ({found.pce:,.0f}) says nothing."
        )
    figures = f"peak-to-correlation energy {found.pce:,.0f}, and {PCE_USUAL:.0f} is the usual threshold"
    if is_match(found):
        return (
            f"The sensor's pattern of {device.name} is in this photograph{_placed(found)} ({figures}): if nothing "
            f"but chance were at work, {_chance(found)} photographs by other devices would show as much."
        )
    return f"The sensor's pattern of {device.name} is not seen in this photograph ({figures})."


def caution_of(photograph: Photograph, device: Fingerprint) -> str:
    """Return what can break the pattern in this photograph and this fingerprint."""
    facts = photograph.facts
    claim = " ".join(filter(None, (facts.make, facts.model, facts.software))) if facts else ""
    known = sorted({each for each in map(known_trouble, (claim, *device.claims)) if each})
    cautions = [GENERAL, *(f"Here {each}." for each in known)]
    if device.photographs < REFERENCES_ADVISED:
        cautions.append(
            f"The fingerprint is of {device.photographs} photographs; of {REFERENCES_ADVISED} and more it is surer."
        )
    return " ".join(cautions)


def as_table(found: Match, device: Fingerprint) -> Table:
    """Return the figures of a match."""
    return Table(
        f"Correlation with {device.name}",
        ("", ""),
        (
            ("peak-to-correlation energy", f"{found.pce:,.1f}"),
            ("chance of as much by another device, log10", f"{found.log10_false_alarm:,.1f}"),
            ("shifts, turns and sizes searched", f"{found.searched:,}"),
            ("photograph", found.turn),
            ("scale", f"{found.scale:.3f}"),
            ("corner in the sensor's frame, px of the photograph", f"{found.x}, {found.y}"),
            ("photographs of the fingerprint", f"{device.photographs}"),
        ),
    )


def _placed(found: Match) -> str:
    said = []
    if found.turn != TURNS[0]:
        said.append(found.turn)
    if found.scale != 1.0:
        said.append(f"at {found.scale:.3f} of the sensor's size")
    if (found.x, found.y) != (0, 0):
        said.append(f"cut out from ({found.x}, {found.y}) on")
    return f", {', '.join(said)}" if said else ""


def _chance(found: Match) -> str:
    power = round(-found.log10_false_alarm)
    return f"one in 10^{power}" if power < 300 else "fewer than one in 10^300"
