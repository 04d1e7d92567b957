"""Photographs on the web page: sent, examined, looked at, kept for a short while, forgotten; and what is refused."""

import io
import json
import struct
import threading
import zlib
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

import examiner
from examiner.report.plain import as_dict
from examiner.web.app import build
from examiner.web.examinations import BusyError, Examinations
from examiner.web.gate.access import Access
from examiner.web.limits import Limits
from examiner.web.pictures import shown
from examiner.web.reports import report_file

OURS = {"X-Shutterprint": "1"}
UPLOAD = {**OURS, "Content-Type": "application/octet-stream"}
BASE = "http://127.0.0.1:8321"


def finished(client: TestClient, key: str) -> dict[str, Any]:
    found: dict[str, Any] = {"state": "waiting"}
    for _ in range(3000):
        found = client.get(f"/api/examinations/{key}").json()
        if found["state"] in ("done", "failed"):
            break
        threading.Event().wait(0.02)
    return found


def sent(client: TestClient, data: bytes, name: str = "a.jpg") -> dict[str, Any]:
    answer = client.post("/api/examinations", params={"name": name}, content=data, headers=UPLOAD)
    assert answer.status_code == 202, answer.text
    return finished(client, answer.json()["key"])


def test_a_photograph_is_examined_as_the_command_does(client: TestClient, photograph: bytes) -> None:
    found = sent(client, photograph, "harbour.jpg")
    assert found["state"] == "done"
    alone = json.loads(json.dumps(as_dict(examiner.examine(photograph, name="harbour.jpg"))))
    assert found["report"] | {"findings": found["report"]["findings"][:-1]} == alone


def test_a_report_is_downloaded_as_it_was_shown(client: TestClient, photograph: bytes) -> None:
    found = sent(client, photograph, 'x"\r\nSet-Cookie: a=b;.jpg')
    answer = client.get(f"/api/examinations/{found['key']}/report.json")
    assert answer.json() == found["report"]
    assert answer.content == report_file(found["report"], "json")
    assert answer.headers["content-disposition"] == 'attachment; filename="x-r-nset-cookie-a-b.json"'
    assert "set-cookie" not in answer.headers
    assert client.get(f"/api/examinations/{found['key']}/report.exe").status_code == 404


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_a_report_is_downloaded_in_the_forms_that_there_are(client: TestClient, photograph: bytes, form: str) -> None:
    found = sent(client, photograph)
    if form not in found["formats"]:
        pytest.skip(f"no reports as {form} here")
    answer = client.get(f"/api/examinations/{found['key']}/report.{form}")
    assert answer.content.startswith((b"%PDF", b"<!doctype html"))
    assert "attachment" in answer.headers["content-disposition"]


def test_the_picture_is_shown_as_it_is_stored_and_without_metadata(client: TestClient, photograph: bytes) -> None:
    found = sent(client, photograph)
    answer = client.get(f"/api/examinations/{found['key']}/picture")
    assert answer.headers["content-type"] == "image/jpeg"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (640, 480)
    assert not picture.getexif()
    assert b"private words" not in answer.content
    assert picture.tobytes() == Image.open(io.BytesIO(photograph)).tobytes()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_kinds_are_shown_without_metadata_too(photograph: bytes, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "private words"
    saved = io.BytesIO()
    opened = Image.open(io.BytesIO(photograph))
    opened.save(saved, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    data, media_type = shown(saved.getvalue())
    picture = Image.open(io.BytesIO(data))
    assert b"private words" not in data
    assert picture.size == (640, 480)
    if kind != "TIFF":
        assert media_type == f"image/{kind.lower()}"
        assert picture.convert("RGB").tobytes() == opened.convert("RGB").tobytes()


def test_nothing_that_a_maker_wrote_or_that_follows_the_image_is_saved_with_the_picture(photograph: bytes) -> None:
    own = b"\xff\xe5" + struct.pack(">H", 16) + b"RMETA\0" + b"C0FFEE77"
    comment = b"\xff\xfe" + struct.pack(">H", 10) + b"C0FFEE77"
    data, _ = shown(photograph[:2] + own + comment + photograph[2:] + photograph)
    assert b"C0FFEE77" not in data
    assert b"private words" not in data
    assert Image.open(io.BytesIO(data)).tobytes() == Image.open(io.BytesIO(photograph)).tobytes()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\x.jpg", "/etc/passwd", "%2e%2e%2fpasswd", "a\0b.jpg", "x" * 3000]
)
def test_a_name_is_only_shown(client: TestClient, photograph: bytes, name: str) -> None:
    found = sent(client, photograph, name)
    assert found["state"] == "done"
    assert "/" not in found["name"]
    assert "\0" not in found["name"]
    assert len(found["name"]) <= 200


@pytest.mark.parametrize("key", ["../about", "..%2fabout", "%2e%2e", "x", "a/b", "%00", "/etc/passwd"])
def test_a_key_is_only_looked_up(client: TestClient, key: str) -> None:
    for path in (f"/api/examinations/{key}/picture", f"/api/examinations/{key}/report.json"):
        assert client.get(path).status_code in (404, 405)


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_a_file_is_taken_as_bytes_only(client: TestClient, photograph: bytes, kind: str) -> None:
    answer = client.post("/api/examinations", content=photograph, headers={**OURS, "Content-Type": kind})
    assert answer.status_code == 415


def test_an_empty_file_is_refused(client: TestClient) -> None:
    assert client.post("/api/examinations", content=b"", headers=UPLOAD).status_code == 422


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_that_is_too_large_is_refused_while_it_comes(declared: bool) -> None:
    client = TestClient(build(lambda data, name: {}, None, Access(), Limits(upload_max_bytes=1000)), base_url=BASE)
    data = bytes(5000) if declared else iter([bytes(500)] * 10)
    answer = client.post("/api/examinations", content=data, headers=UPLOAD)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert "1,000 bytes" in answer.json()["detail"]


def test_other_requests_have_small_bodies(client: TestClient) -> None:
    answer = client.request("DELETE", "/api/session", content=bytes(20_000), headers=OURS)
    assert answer.status_code == 413


def bomb_png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def bomb_jpeg(photograph: bytes) -> bytes:
    frame = photograph.rindex(b"\xff\xc0\0\x11\x08")
    return photograph[: frame + 5] + b"\xff\xff\xff\xff" + photograph[frame + 9 :]


@pytest.mark.parametrize("kind", ["zip", "png", "jpeg", "text", "svg"])
def test_what_is_no_photograph_or_unpacks_to_too_much_gets_a_sentence(
    client: TestClient, photograph: bytes, kind: str
) -> None:
    data = {
        "zip": b"PK\3\4" + bytes(1000),
        "png": bomb_png(),
        "jpeg": bomb_jpeg(photograph),
        "text": b"hello",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    }[kind]
    found = sent(client, data)
    assert found["state"] == "done"
    if kind != "jpeg":  # its header may still be read; what needs its pixels says why not
        assert found["report"]["error"]
        assert client.get(f"/api/examinations/{found['key']}/picture").status_code in (200, 422)
    picture = client.get(f"/api/examinations/{found['key']}/picture")
    assert picture.headers["content-type"] in ("application/json", "image/png", "image/jpeg")


def test_a_forgotten_photograph_is_gone(client: TestClient, photograph: bytes) -> None:
    key = sent(client, photograph)["key"]
    assert client.delete(f"/api/examinations/{key}", headers=OURS).status_code == 204
    assert client.get(f"/api/examinations/{key}").status_code == 404
    assert client.get(f"/api/examinations/{key}/picture").status_code == 404


def test_a_client_that_sends_many_files_has_to_wait(photograph: bytes) -> None:
    client = TestClient(build(lambda data, name: {}, None, Access(), Limits(examinations_burst=2)), base_url=BASE)
    answers = [client.post("/api/examinations", content=photograph, headers=UPLOAD) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_more_files_than_can_wait_are_asked_to_come_again(photograph: bytes) -> None:
    free = threading.Event()

    def slow(data: bytes, name: str) -> dict[str, Any]:
        free.wait(30)
        return as_dict(examiner.examine(data, name=name))

    with TestClient(build(slow, None, Access(), Limits(examinations_at_once=1, waiting=1)), base_url=BASE) as client:
        answers = [client.post("/api/examinations", content=photograph, headers=UPLOAD) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 503]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[1].json()["before"] == 0
        free.set()
        assert finished(client, answers[1].json()["key"])["state"] == "done"


def test_a_file_that_is_forgotten_while_it_waits_leaves_memory_at_once() -> None:
    free = threading.Event()
    examinations = Examinations(lambda data, name: {"waited": free.wait(10)}, Limits(examinations_at_once=1))
    first, second = examinations.add(b"first", "a.jpg"), examinations.add(b"second", "b.jpg")
    examinations.forget(second.key)
    assert second.data == b""
    free.set()
    assert first.future is not None
    first.future.result(10)
    assert first.state == "done"
    examinations.close()


def test_an_examination_that_fails_says_so_and_the_next_one_works(photograph: bytes) -> None:
    def broken(data: bytes, name: str) -> dict[str, Any]:
        if name == "bad.jpg":
            raise RuntimeError("/private/path")
        return as_dict(examiner.examine(data, name=name))

    with TestClient(build(broken, None, Access(), Limits()), base_url=BASE) as client:
        found = sent(client, photograph, "bad.jpg")
        assert (found["state"], found["report"]) == ("failed", None)
        assert "/private/path" not in json.dumps(found)
        assert sent(client, photograph)["state"] == "done"


def test_files_are_dropped_after_their_time_and_when_there_are_too_many() -> None:
    now_s = 0.0
    limits = Limits(kept_s=60, kept=2, kept_bytes=1 << 30)
    examinations = Examinations(lambda data, name: {}, limits, lambda: now_s)

    def added() -> str:
        one = examinations.add(b"x", "")
        assert one.future is not None
        one.future.result(10)
        return one.key

    first, second = added(), added()
    now_s = 10.0
    assert examinations.get(first) is not None
    third = added()
    assert examinations.get(second) is None
    assert examinations.get(first) is not None
    now_s = 65.0
    assert examinations.get(third) is not None
    now_s = 71.0
    assert examinations.get(first) is None
    examinations.close()


def test_memory_is_bounded_by_bytes_too() -> None:
    examinations = Examinations(lambda data, name: {}, Limits(kept_bytes=20 << 20))
    for _ in range(10):
        one = examinations.add(bytes(5 << 20), "")
        assert one.future is not None
        one.future.result(10)
    assert sum(len(each.data) for each in examinations._known.values()) <= 20 << 20
    examinations.close()


def test_only_so_many_files_are_received_at_once() -> None:
    examinations = Examinations(lambda data, name: {}, Limits(uploads_at_once=1))
    with examinations.reserve(), pytest.raises(BusyError), examinations.reserve():
        pass
    with examinations.reserve():
        pass
    examinations.close()


def test_the_interface_is_described_without_another_site(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert "/api/examinations" in described["paths"]
    assert "requestBody" in described["paths"]["/api/examinations"]["post"]
    assert all(each.get("description") for path in described["paths"].values() for each in path.values())
