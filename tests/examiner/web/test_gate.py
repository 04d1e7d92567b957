"""Who is answered: hosts, origins, forged requests, tokens, how often; and what every answer says to the browser."""

import asyncio
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from examiner.web.app import build
from examiner.web.gate.access import Access, access_for, is_ours, is_signed_in, session
from examiner.web.gate.throttle import Throttle, client_name
from examiner.web.limits import Limits

OURS = {"X-Shutterprint": "1"}
BASE = "http://127.0.0.1:8321"
TOKEN = "correct horse battery".replace(" ", "-")


def opened(access: Access = Access(), **limits: float) -> TestClient:  # noqa: B008
    return TestClient(build(lambda data, name: {}, None, access, Limits(**limits)), base_url=BASE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost:99:1", "a b", "169.254.169.254", "[::2]"]
)
def test_a_name_that_was_pointed_at_this_machine_is_refused(host: str) -> None:
    answer = opened().get("/", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:1", "[::1]:8321", "localhost."])
def test_loopback_is_answered_by_all_its_names(host: str) -> None:
    assert opened().get("/", headers={"Host": host}).status_code == 200


def test_beyond_loopback_addresses_and_allowed_names_are_ours() -> None:
    access = access_for("0.0.0.0", ("lab.example",), "t" * 20)
    assert is_ours(access, "192.0.2.7:8321")
    assert is_ours(access, "[2001:db8::1]:8321")
    assert is_ours(access, "Lab.example")
    assert not is_ours(access, "other.example")
    assert not is_ours(access_for("127.0.0.1", (), None), "192.0.2.7")


def test_another_address_of_this_machine_is_ours_where_the_server_listens_at_it() -> None:
    assert is_ours(access_for("127.0.0.2", (), None), "127.0.0.2:8321")
    assert not is_ours(access_for("127.0.0.1", (), None), "127.0.0.2:8321")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8321", "http://127.0.0.1:1", "http://["]
)
def test_another_origin_is_refused(origin: str) -> None:
    for method in ("GET", "POST"):
        answer = opened().request(method, "/api/about", headers={"Origin": origin, **OURS})
        assert answer.status_code == 403


def test_our_own_origin_is_answered() -> None:
    assert opened().get("/api/about", headers={"Origin": BASE}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_picture_in_another_site_gets_no_data_but_a_link_from_there_opens_the_page(site: str) -> None:
    assert opened().get("/api/about", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert opened().get("/", headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/examinations"), ("DELETE", "/api/examinations/x"), ("POST", "/api/session")]
)
def test_what_changes_something_needs_the_header_that_no_form_can_send(method: str, path: str) -> None:
    assert opened().request(method, path).status_code == 403


def test_no_answer_lets_another_origin_read_it() -> None:
    answer = opened().options(
        "/api/examinations", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("GET", "/assets/main.js", 200), ("GET", "/assets/../app.py", 404), ("GET", "/nowhere", 404),
        ("GET", "/api/about", 200), ("PUT", "/api/about", 403), ("GET", "/openapi.json", 200), ("GET", "/docs", 404),
        ("GET", "/redoc", 404), ("GET", "/favicon.ico", 200), ("GET", "/api/examinations/x", 404),
    ],
)  # fmt: skip
def test_every_answer_has_a_strict_policy(method: str, path: str, status: int) -> None:
    answer = opened().request(method, path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in answer.headers


def test_a_client_that_leaves_in_the_middle_of_a_file_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"host": "127.0.0.1", "content-type": "application/octet-stream", "x-shutterprint": "1"}
    scope = {
        "type": "http", "method": "POST", "path": "/api/examinations", "raw_path": b"/api/examinations",
        "scheme": "http", "query_string": b"", "http_version": "1.1", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8321),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    received = iter(({"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}))

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        pass

    asyncio.run(build(lambda data, name: {}, None, Access(), Limits())(scope, receive, send))
    assert not caplog.records


def test_a_fault_of_ours_has_the_policy_too_and_no_traceback() -> None:
    guard = build(lambda data, name: {}, None, Access(), Limits())

    @guard.app.get("/api/broken")  # type: ignore[attr-defined]
    async def broken() -> None:
        raise KeyError("secret")

    answer = TestClient(guard, base_url=BASE, raise_server_exceptions=False).get("/api/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_inside() -> None:
    page = opened().get("/").text
    assert "://" not in page
    assert "<style" not in page
    assert "style=" not in page
    assert " on" not in page.replace(" one", "").split("<main")[0].lower().replace(" only", "")
    assert page.count("<script ") == page.count('<script src="/assets/') == 2


def test_with_a_token_only_the_bare_page_is_given_without_it() -> None:
    client = opened(access_for("127.0.0.1", (), TOKEN))
    for path in ("/", "/assets/main.js", "/api/session"):
        assert client.get(path).status_code == 200
    for path in ("/api/about", "/openapi.json", "/api/examinations/x", "/api/runs"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "content-security-policy" in answer.headers
    assert client.get("/api/about", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/api/about", headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401


def test_a_session_is_a_cookie_that_no_script_reads_and_not_the_token() -> None:
    client = opened(access_for("127.0.0.1", (), TOKEN))
    answer = client.post("/api/session", headers={**OURS, "Authorization": f"Bearer {TOKEN}"})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/api/about").status_code == 200
    client.delete("/api/session", headers=OURS)
    assert client.get("/api/about").status_code == 401


def test_a_session_ends_and_cannot_be_made_by_others() -> None:
    access, other = access_for("127.0.0.1", (), TOKEN), access_for("127.0.0.1", (), TOKEN)
    cookie = {"cookie": f"shutterprint={session(access)}"}
    assert is_signed_in(access, cookie)
    assert not is_signed_in(other, cookie)
    assert not is_signed_in(access, cookie, clock=lambda: time.time() + 13 * 3600)
    for forged in ("9999999999.", "9999999999.0", ".", "²²², x", "1" * 400 + ".x"):
        assert not is_signed_in(access, {"cookie": f"shutterprint={forged}"})


def test_guessing_tokens_is_slow() -> None:
    client = opened(access_for("127.0.0.1", (), TOKEN), sign_ins_burst=3)
    tried = [
        client.post("/api/session", headers={**OURS, "Authorization": f"Bearer guess-{n}"}).status_code
        for n in range(5)
    ]
    assert tried == [401, 401, 401, 429, 429]
    assert client.get("/api/about", headers={"Authorization": "Bearer guess"}).status_code == 429


def test_a_client_that_asks_too_often_is_told_when_to_come_again() -> None:
    client = opened(requests_burst=5, requests_per_minute=60)
    answers = [client.get("/api/about") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "content-security-policy" in answers[-1].headers


def test_permits_come_back_and_clients_do_not_share_them() -> None:
    now_s = 0.0
    throttle = Throttle(60, 2, lambda: now_s)
    assert [throttle.wait_s("a") for _ in range(3)] == [0, 0, 1]
    assert throttle.wait_s("b") == 0
    now_s = 1.0
    assert [throttle.wait_s("a") for _ in range(2)] == [0, 1]


def test_the_addresses_of_one_subscriber_count_as_one_client() -> None:
    assert client_name("2001:db8::1") == client_name("2001:db8::ffff:1") != client_name("2001:db8:0:1::1")
    assert client_name("::ffff:192.0.2.1") == "192.0.2.1"


def test_long_addresses_and_headers_given_twice_are_refused() -> None:
    client = opened()
    assert client.get("/api/about?x=" + "a" * 5000).status_code == 414
    assert client.get("/api/about", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")]).status_code == 400
