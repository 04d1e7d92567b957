"""Credentials: what signed provenance (C2PA) says of the file, and whether it holds."""

from collections.abc import Iterator

from corpus.text import count
from examiner.detectors.credentials.manifests import MISSING, Credentials, read_credentials
from examiner.finding import Finding, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

_METHOD = (
    "The manifest's signature and digests are verified by c2pa-python against the bytes of the file; nothing is "
    "fetched from the network."
)
_SOURCE = "C2PA Technical Specification 2.2"
_CAUTION = (
    "Most genuine photographs carry none, and any program can take them out. They prove who signed the file, not that "
    "the scene was as it shows. Whoever has a certificate can sign; a certificate is judged as of today, and it is not "
    "looked up whether it was revoked. "
    "Where false alarms were measured on photographs without credentials, they say only that broken ones are rare."
)
_SOURCES = {
    "trainedAlgorithmicMedia": "it was made by a trained algorithm",
    "compositeWithTrainedAlgorithmicMedia": "parts of it were made by a trained algorithm",
    "digitalCapture": "a camera captured it",
    "computationalCapture": "a camera computed it from several captures",
    "composite": "it is composed of several pictures",
    "algorithmicMedia": "an algorithm made it",
    "screenCapture": "it is a screenshot",
}
"""IPTC's digital source types, in words."""


def content_credentials(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what content credentials state, and whether they hold."""
    try:
        found = read_credentials(photograph.data, photograph.kind, knowledge.trust)
    except ImportError:
        yield Finding(
            "content_credentials", "claim", f"It may carry content credentials. {MISSING}.", "none", method=_METHOD,
            source=_SOURCE,
        )  # fmt: skip
        return
    if found is None:
        yield Finding(
            "content_credentials", "claim", "It carries no content credentials (C2PA).", "expected", 0.0,
            method=_METHOD, source=_SOURCE, caution=_CAUTION,
        )  # fmt: skip
        return
    is_judged = found.state in ("Valid", "Trusted") or found.is_changed
    yield Finding(
        "content_credentials", "claim", _statement(found, knowledge), "expected" if is_judged else "fact",
        float(found.is_changed) if is_judged else None,
        evidence=tuple(_tables(found, private=knowledge.private)), method=_METHOD, source=_SOURCE, caution=_CAUTION,
    )  # fmt: skip


def _statement(found: Credentials, knowledge: Knowledge) -> str:
    if found.state == "Remote":
        return "Its content credentials lie at an address on the network that the file names; nothing was fetched."
    if found.state == "Unreadable":
        return f"It has content credentials that cannot be read: {found.faults[0][1]}."
    by = found.signer or "an unnamed signer"
    if found.is_changed:
        return f"Its content credentials do not fit the file: it was changed after {by} signed it ({_codes(found)})."
    if found.state == "Invalid":
        return f"Its content credentials, signed by {by}, are not valid ({_codes(found)})."
    judged = "who is not on the trust list" if knowledge.trust else "whose trust was not judged"
    trusted = "who is on the trust list" if found.state == "Trusted" else judged
    said = [words for each in found.actions if (words := _SOURCES.get(each.source or ""))]
    told = f" They say that {', and that '.join(dict.fromkeys(said))}." if said else ""
    return (
        f"Its content credentials are valid: the file is unchanged since {by}, {trusted}, signed it; they list "
        f"{count(len(found.actions), 'action')}.{told}"
    )


def _codes(found: Credentials) -> str:
    return ", ".join(dict.fromkeys(code for code, _ in found.faults))


def _tables(found: Credentials, *, private: bool) -> Iterator[Table]:
    facts = {
        "state": found.state,
        "signed by": found.signer,
        "name in the certificate": found.common_name if private else found.common_name and "kept private",
        "signed at": found.signed_at,
        "made with": found.generator,
        "title": found.title if private else found.title and "kept private",
        "ingredients": count(found.ingredients, "picture") if found.ingredients else None,
        "assertions": ", ".join(found.assertions),
        "address of the manifest": found.address,
    }
    yield Table("Content credentials", ("field", "value"), tuple((what, text) for what, text in facts.items() if text))
    if found.actions:
        yield Table(
            "What they say was done", ("action", "software", "kind of source", "when"),
            tuple((each.action, each.software or "", each.source or "", each.when or "") for each in found.actions),
        )  # fmt: skip
    if found.faults:
        yield Table("What does not hold", ("code", "explanation"), found.faults)
