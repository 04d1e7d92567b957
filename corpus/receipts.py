"""Receipts: the last file a stage writes, by which a pipeline knows that it succeeded.

Exit codes are not enough: `scrapy crawl` exits 0 although a callback raised. A stage publishes `receipts/<stage>.json`
only when all its work is done; a receipt that is newer than the stage's start means success.
"""

import time
from typing import Any, cast

from corpus.events import tell
from corpus.storage import Store


def publish_receipt(store: Store, stage: str, details: dict[str, Any]) -> None:
    """Publish the receipt of a stage: `details`, `stage` and `finished_at_s`, seconds since 1970."""
    store.publish_json(f"receipts/{stage}.json", {**details, "stage": stage, "finished_at_s": time.time()})
    tell("receipt", **{**details, "stage": stage})


def receipt_since(store: Store, stage: str, began_at_s: float) -> dict[str, Any] | None:
    """Return the receipt that a stage wrote since `began_at_s`; None means that it did not succeed."""
    receipt = last_receipt(store, stage)
    return receipt if receipt and receipt["finished_at_s"] >= began_at_s else None


def last_receipt(store: Store, stage: str) -> dict[str, Any]:
    """Return the last receipt of a stage, empty where there is none."""
    path = f"receipts/{stage}.json"
    return cast(dict[str, Any], store.read_json(path)) if store.exists(path) else {}
