"""Manifests: reads and verifies content credentials (C2PA) with the reference library, without any network.

bytes → Credentials. The library is c2pa-python, imported only when a file may carry credentials. It is told to fetch no
remote manifest and no revocation status (OCSP) and to allow no host at all, so credentials that a file only points to
are named, not read. With a trust list (certificates in PEM) it also says whether the signer is on it.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forensics.metadata.text import clean
from train.prediction.reading import Kind

MISSING = "Content credentials need one more package: pip install 'shutterprint[examiner]'"
LISTED_MAX = 20
"""Most actions, ingredients and faults that are kept."""
_MEDIA_TYPES: dict[Kind, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WebP": "image/webp",
    "TIFF": "image/tiff",
    "HEIC": "image/heic",
    "AVIF": "image/avif",
}
_TRACES = (b"c2pa", b"C2PA", b":provenance")
_ELSEWHERE = re.compile(r"must fetch remote manifests from url (\S+)")
"""How the library refuses to fetch a manifest; its class of error says nothing."""
_CHANGED = ("hash.mismatch", "hashedURI.mismatch", "claimSignature.mismatch", "Hash.mismatch", "assertion.missing")


@dataclass(frozen=True)
class Action:
    """Something that the credentials say was done, e.g. `c2pa.edited`."""

    action: str
    software: str | None
    source: str | None
    """Of the picture, where it says: `digitalCapture`, `trainedAlgorithmicMedia` …"""
    when: str | None


@dataclass(frozen=True)
class Credentials:
    """What a file's credentials say, and whether they hold; texts are clean and short."""

    state: str
    """`Trusted` (on the trust list), `Valid` (whole, the signer not judged), `Invalid`, `Remote` (elsewhere, not
    fetched) or `Unreadable`."""
    signer: str | None = None
    """The organisation that the certificate names."""
    common_name: str | None = None
    """Of the certificate; cameras' hold serial numbers, and people's their names."""
    signed_at: str | None = None
    generator: str | None = None
    title: str | None = None
    actions: tuple[Action, ...] = ()
    ingredients: int = 0
    """How many pictures it was made of, at most LISTED_MAX."""
    assertions: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    """What does not hold: code of the specification, and explanation."""
    address: str | None = None
    """Where a remote manifest lies."""

    @property
    def is_changed(self) -> bool:
        """Whether what was signed and what is there differ: by a digest or the signature, not by a certificate."""
        return any(code.endswith(_CHANGED) for code, _ in self.faults)


def may_have_credentials(data: bytes) -> bool:
    """Whether a file has any trace of content credentials; without one the library need not be asked."""
    return any(trace in data for trace in _TRACES)


def read_credentials(data: bytes, kind: Kind, trust: str | None = None) -> Credentials | None:
    """Return what the credentials of a file say; None where it has none.

    `trust`: certificates in PEM whose signatures are trusted. Raises ImportError without c2pa-python, ValueError where
    `trust` holds no certificate.
    """
    if not may_have_credentials(data):
        return None
    import c2pa

    try:
        context = c2pa.Context.from_dict(offline_settings(trust))
    except c2pa.C2paError as error:
        raise ValueError(f"cannot be checked: the trust list is not read ({_short(error)})") from error
    with context:
        try:
            with c2pa.Reader(_MEDIA_TYPES[kind], io.BytesIO(data), context=context) as reader:
                return _credentials(json.loads(reader.json()), reader.get_remote_url())
        except c2pa.C2paError.ManifestNotFound:
            return None
        except (c2pa.C2paError, ValueError) as error:
            elsewhere = _ELSEWHERE.search(str(error))
            if elsewhere:
                return Credentials("Remote", address=clean(elsewhere[1]))
            return Credentials("Unreadable", faults=(("unreadable", _short(error)),))


def offline_settings(trust: str | None) -> dict[str, Any]:
    """Return the settings with which the library contacts nobody, and trusts the certificates in `trust` alone."""
    settings: dict[str, Any] = {
        "version": 1,
        "core": {"allowed_network_hosts": [], "allow_redirects": False},
        "verify": {
            "verify_after_reading": True,
            "verify_trust": trust is not None,
            "verify_timestamp_trust": trust is not None,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
    }
    return settings if trust is None else settings | {"trust": {"trust_anchors": trust}}


def _credentials(store: Mapping[str, Any], address: str | None) -> Credentials:
    manifests = _mapping(store.get("manifests"))
    active = _mapping(manifests.get(str(store.get("active_manifest"))))
    signature = _mapping(active.get("signature_info"))
    assertions = [_mapping(each) for each in _list(active.get("assertions"))]
    return Credentials(
        state=_text(store.get("validation_state")) or "Invalid",
        signer=_text(signature.get("issuer")), common_name=_text(signature.get("common_name")),
        signed_at=_text(signature.get("time")), generator=_generator(active), title=_text(active.get("title")),
        actions=tuple(_actions(assertions)),
        ingredients=len(_list(active.get("ingredients"))),
        assertions=tuple(_text(each.get("label")) or "unnamed" for each in assertions),
        faults=tuple(_faults(store)), address=_text(address),
    )  # fmt: skip


def _generator(manifest: Mapping[str, Any]) -> str | None:
    named = _list(manifest.get("claim_generator_info"))
    first = _mapping(named[0]) if named else {}
    parts = (_text(first.get("name")), _text(first.get("version")))
    return " ".join(part for part in parts if part) or _text(manifest.get("claim_generator"))


def _actions(assertions: list[Mapping[str, Any]]) -> Iterator[Action]:
    for assertion in assertions:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for each in map(_mapping, _list(_mapping(assertion.get("data")).get("actions"))):
                agent = each.get("softwareAgent")
                software = _mapping(agent).get("name") if isinstance(agent, Mapping) else agent
                source = _text(each.get("digitalSourceType"))
                yield Action(
                    _text(each.get("action")) or "unnamed", _text(software),
                    source and source.rpartition("/")[2], _text(each.get("when")),
                )  # fmt: skip


def _faults(store: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    active = _mapping(_mapping(store.get("validation_results")).get("activeManifest"))
    for each in map(_mapping, _list(active.get("failure"))):
        yield _text(each.get("code")) or "unnamed", _text(each.get("explanation")) or ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value[:LISTED_MAX] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return None if value is None else clean(str(value))


def _short(error: Exception) -> str:
    return clean(str(error)) or type(error).__name__
