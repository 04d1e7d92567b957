"""Receipts: the last thing a stage writes, and how a pipeline knows that it succeeded.

An exit code is not enough: `scrapy crawl` exits 0 though a callback raised. A stage publishes
`receipts/<stage>.json` only when all its work is whole; a receipt written since the stage began means success.
"""

import time
from typing import Any, cast

from corpus.storage import Store


def publish_receipt(store: Store, stage: str, details: dict[str, Any]) -> None:
    """Publish the receipt of a stage: `details` plus `finished_at_s`, seconds since 1970."""
    store.publish_json(f"receipts/{stage}.json", {**details, "stage": stage, "finished_at_s": time.time()})


def receipt_since(store: Store, stage: str, began_at_s: float) -> dict[str, Any] | None:
    """Return the receipt a stage wrote since `began_at_s`, None where there is none: it did not succeed."""
    receipt = last_receipt(store, stage)
    return receipt if receipt and receipt["finished_at_s"] >= began_at_s else None


def last_receipt(store: Store, stage: str) -> dict[str, Any]:
    """Return the last receipt a stage wrote; empty where it never did."""
    path = f"receipts/{stage}.json"
    return cast(dict[str, Any], store.read_json(path)) if store.exists(path) else {}
