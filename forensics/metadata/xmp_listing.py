"""XMP listing: lists every property of an XMP packet, as text.

It is for a person who looks at one photo; `forensics.metadata.xmp` reads the facts. Private values (names, places) are
among them: the caller decides what may be shown. A packet with a document type is not read (no entity is ever
expanded); one that is cut or not well-formed is read up to where it breaks. Nothing raises.
"""

from contextlib import suppress
from xml.parsers import expat

from forensics.metadata.text import clean
from forensics.metadata.xmp import PACKET_BYTES_MAX

PROPERTIES_MAX = 400
_DEPTH_MAX = 64
_STRUCTURE = frozenset({"RDF", "Description", "xmpmeta", "xapmeta", "Alt", "Bag", "Seq", "li"})
_SYNTAX = frozenset({"about", "parseType", "resource", "lang", "xmptk", "ID", "nodeID"})
_PREFIXES = {
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
}


def xmp_properties(packet: bytes) -> list[tuple[str, str]]:
    """Return path and text of each property, like `xmpMM:History/stEvt:softwareAgent`; at most 256 characters each."""
    packet = packet[:PACKET_BYTES_MAX].strip(b"\0 \t\r\n")
    if b"<!DOCTYPE" in packet or not packet:
        return []
    listing = _Listing()
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = listing.start
    parser.EndElementHandler = listing.end
    parser.CharacterDataHandler = listing.characters
    with suppress(expat.ExpatError, _Enough):  # what precedes it counts
        parser.Parse(packet.decode("utf-8", "replace"), False)
    return listing.found


class _Enough(Exception):  # noqa: N818 - no fault: no more is read
    pass


class _Listing:
    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._open: list[str | None] = []
        self._content: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._open.append(None if local in _STRUCTURE else _named(namespace, local))
        self._content = []
        if len(self._open) > _DEPTH_MAX:
            raise _Enough
        for attribute, value in attributes.items():
            space, _, inner = attribute.rpartition(" ")
            if inner not in _SYNTAX and not attribute.startswith("xmlns"):
                self._note([*self._open, _named(space, inner)], value)

    def end(self, _name: str) -> None:
        self._note(self._open, "".join(self._content))
        self._content = []
        self._open.pop()

    def characters(self, content: str) -> None:
        if len(self._content) < 16:
            self._content.append(content[:1024])

    def _note(self, path: list[str | None], value: str) -> None:
        text = clean(value)
        names = [each for each in path if each is not None]
        if text is not None and names:
            self.found.append(("/".join(names), text))
            if len(self.found) >= PROPERTIES_MAX:
                raise _Enough


def _named(namespace: str, local: str) -> str:
    prefix = _PREFIXES.get(namespace)
    return f"{prefix}:{local[:60]}" if prefix else local[:60]
