"""Content credentials: what they say, whether they hold, and that nobody is contacted."""

import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from examiner.detectors.credentials.manifests import MISSING, read_credentials
from examiner.findings.credentials import content_credentials
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph


def finding(data: bytes, **known: object):
    (only,) = content_credentials(Photograph(data), Knowledge(**known))
    return only


def changed(data: bytes) -> bytes:
    return data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]


def test_whole_credentials_hold_and_say_who_signed_what(signed: bytes) -> None:
    found = read_credentials(signed, "JPEG")
    assert found is not None
    assert (found.state, found.signer, found.generator) == ("Valid", "Test Camera Makers", "Firmware 1.2")
    assert [(each.action, each.source) for each in found.actions] == [("c2pa.created", "digitalCapture")]
    assert not found.is_changed


def test_a_signer_is_trusted_by_the_trust_list_alone(signed: bytes, trust: str) -> None:
    assert "whose trust was not judged" in finding(signed).statement
    assert "who is on the trust list" in finding(signed, trust=trust).statement


def test_a_signer_who_is_not_on_the_list_is_said_to_be_untrusted(signed: bytes, stranger: str) -> None:
    found = finding(signed, trust=stranger)
    assert "who is not on the trust list" in found.statement
    assert "signingCredential.untrusted" in str(found.evidence)
    assert found.score == 0.0


def test_one_changed_bit_of_the_picture_is_told(signed: bytes) -> None:
    found = finding(changed(signed))
    assert "was changed after Test Camera Makers signed it (assertion.dataHash.mismatch)" in found.statement
    assert (found.level, found.score) == ("expected", 1.0)
    assert finding(signed).score == 0.0


def test_a_picture_that_an_algorithm_made_says_so(sign: Callable[..., bytes]) -> None:
    assert "made by a trained algorithm" in finding(sign("trainedAlgorithmicMedia")).statement


def test_names_in_certificates_and_titles_are_private(signed: bytes) -> None:
    def cells(**known: object) -> str:
        return str([table.rows for table in finding(signed, **known).evidence])

    assert "5712345" not in cells()
    assert "harbour" not in cells()
    assert "5712345" in cells(private=True)


def test_without_credentials_the_library_is_not_imported(plain: bytes) -> None:
    code = (
        "import sys; from examiner.detectors.credentials.manifests import read_credentials\n"
        "assert read_credentials(sys.stdin.buffer.read(), 'JPEG') is None\n"
        "assert 'c2pa' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], input=plain, check=True)


def test_without_the_package_a_sentence_says_what_to_install(signed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = finding(signed)
    assert found.level == "none"
    assert MISSING in found.statement


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_cut_credentials_are_a_sentence(signed: bytes, cut: float) -> None:
    assert finding(signed[: int(len(signed) * cut)]).statement


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """Give the address of a server on this machine and what it was asked."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.request.recv(4096))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/manifest.c2pa", asked
        server.shutdown()


def test_a_manifest_elsewhere_is_named_and_not_fetched(
    sign: Callable[..., bytes], listener: tuple[str, list[bytes]]
) -> None:
    address, asked = listener
    remote = sign(address=address)
    assert address.encode() in remote
    found = finding(remote)
    assert "nothing was fetched" in found.statement
    assert address in str(found.evidence[0])
    assert asked == []
