"""`/metrics` of the web page: behind the same guard, and without a word of what was examined."""

import threading
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from examiner.web.app import build
from examiner.web.gate.access import Access, access_for
from examiner.web.limits import Limits

BASE, TOKEN = "http://127.0.0.1:8321", "a-token-of-many-letters"
UPLOAD = {"X-Shutterprint": "1", "Content-Type": "application/octet-stream"}


def opened(access: Access | None = None) -> TestClient:
    def examine(data: bytes, name: str) -> dict[str, Any]:
        if data == b"bad":
            raise ValueError("no photograph")
        return {}

    return TestClient(build(examine, None, access or Access(), Limits()), base_url=BASE)


def metrics(client: TestClient, **headers: str) -> tuple[dict[str, float], str]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    return {" ".join([each.name.removeprefix("shutterprint_serve_"), *each.labels.values()]): each.value
            for each in samples}, answer.text  # fmt: skip


def test_examinations_and_answers_are_counted_and_names_of_files_are_not_told() -> None:
    with opened() as client:
        for data in (b"good", b"bad", b"good"):
            client.post("/api/examinations", params={"name": "private-harbour.jpg"}, content=data, headers=UPLOAD)
        client.get("/api/nothing/private-harbour.jpg")
        for _ in range(500):
            found, text = metrics(client)
            if found["examinations_total done"] + found["examinations_total failed"] == 3:
                break
            threading.Event().wait(0.02)
    assert (found["examinations_total done"], found["examinations_total failed"]) == (2, 1)
    assert (found["examinations done"], found["examinations failed"]) == (2, 1)
    assert found["examination_duration_seconds_count"] == 3
    assert found["examination_duration_seconds_bucket +Inf"] == 3
    assert (found["responses_total 202"], found["responses_total 404"]) == (3, 1)
    assert found["held_bytes"] == len(b"good" + b"bad" + b"good")
    assert "harbour" not in text


def test_with_a_token_metrics_need_it_and_refusals_are_counted() -> None:
    client = opened(access_for("127.0.0.1", (), TOKEN))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Host": "elsewhere.example"}).status_code in (400, 403, 421)
    found, _ = metrics(client, Authorization=f"Bearer {TOKEN}")
    assert found["responses_total 401"] == 1
