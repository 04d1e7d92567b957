"""Sums: what an epoch has come to so far, on one rank or on all of them together."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Sums:
    """Plain numbers, which ranks send to each other and checkpoints keep."""

    batches: int = 0
    crops: int = 0
    loss: float = 0.0
    """Sum of the batches' losses; sums of float32 numbers in float64 do not depend on their order."""
    right: int = 0
    """Crops whose camera was the likeliest one."""
    skipped: int = 0
    """Samples that were skipped for damaged tiles."""
    seconds: float = 0.0
    """Time that training took, validation and checkpoints not counted."""
    waited_s: float = 0.0
    """Part of it in which there was no batch to go on with."""

    def then(self, others: list["Sums"]) -> "Sums":
        """Return these sums and what all ranks, in their order, have done since.

        `seconds` are those of rank 0: between epochs the other ranks wait for it while it validates and saves, and
        their time would include that. `waited_s` is the longest of all ranks, because every step takes as long as its
        slowest rank.
        """
        return Sums(
            batches=self.batches + sum(each.batches for each in others),
            crops=self.crops + sum(each.crops for each in others),
            loss=self.loss + sum(each.loss for each in others),
            right=self.right + sum(each.right for each in others),
            skipped=self.skipped + sum(each.skipped for each in others),
            seconds=self.seconds + others[0].seconds,
            waited_s=self.waited_s + max(each.waited_s for each in others),
        )

    def as_dict(self) -> dict[str, float]:
        """Return the content that a checkpoint keeps."""
        return asdict(self)
