"""XMP: reads the names of software from the packets of APP1 segments.

Only names are read: CreatorTool, the agents of the history, Software, and which properties of Adobe's Camera Raw and
Photoshop namespaces are used. A packet with a document type is ignored (no entity is ever expanded); one that is cut or
not well-formed is read up to where it breaks. The toolkit (`x:xmptk`) is ignored: it only says which library serialised
the packet, and Pixel 5 originals name Adobe's.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from forensics.jpeg.segments import XMP_EXTENSION_IDENTIFIER
from forensics.metadata.text import clean, distinct

PACKET_BYTES_MAX = 256 * 1024
"""Most bytes read of the main packet, and of each extended one."""
AGENTS_MAX = 16
_PROPERTIES_MAX = 64

_CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_TELLING_WORDS = (b"reator", b"softwareAgent", b"Software", b"camera-raw-settings", b"adobe.com/photoshop/")
"""A packet without any of these names no software and is not parsed: extended XMP is mostly pixels in base64."""

# in every original, DJI's drones state that Camera Raw has done nothing, and phones repeat the date here
_SETTINGS_FLAGS = frozenset(("HasSettings", "HasCrop", "AlreadyApplied"))
_HARMLESS = {_CAMERA_RAW: _SETTINGS_FLAGS | {"Version"}, _PHOTOSHOP: frozenset(("DateCreated",))}
_PREFIXES = {_CAMERA_RAW: "crs", _PHOTOSHOP: "photoshop"}


@dataclass(frozen=True, slots=True)
class XmpFacts:
    """Software named in XMP; `properties` like `crs:Exposure2012`, in order of appearance."""

    creator_tool: str | None = None
    history_agents: tuple[str, ...] = ()
    software: str | None = None
    properties: tuple[str, ...] = ()


def read_xmp(packets: Iterable[bytes], extensions: Iterable[bytes] = ()) -> XmpFacts:
    """Return the facts of all packets of a file; never raises.

    `packets`: the bytes after the XMP identifier. `extensions`: the whole payloads of extended XMP segments (XMP
    specification part 3, 1.1.3.1): 35 bytes identifier, 32 GUID, 4 full length, 4 offset of this portion.
    """
    names = _Names()
    for packet in (b"".join(packets), *_joined_extensions(extensions)):
        names.read(packet[:PACKET_BYTES_MAX])
    return XmpFacts(
        creator_tool=next(iter(distinct(map(clean, names.texts["creatortool"]), 1)), None),
        history_agents=distinct(map(clean, names.texts["softwareagent"]), AGENTS_MAX),
        software=next(iter(distinct(map(clean, names.texts["software"]), 1)), None),
        properties=tuple(names.properties),
    )


def _joined_extensions(payloads: Iterable[bytes]) -> Iterable[bytes]:
    """Yield the extended packets, each up to its first gap."""
    header = len(XMP_EXTENSION_IDENTIFIER)
    portions: dict[bytes, dict[int, bytes]] = {}
    for payload in payloads:
        if len(payload) > header + 40:
            guid = payload[header : header + 32]
            (offset,) = struct.unpack_from(">I", payload, header + 36)
            portions.setdefault(guid, {}).setdefault(offset, payload[header + 40 :])
    for by_offset in list(portions.values())[:4]:
        joined = b""
        while len(joined) in by_offset and len(joined) < PACKET_BYTES_MAX:
            joined += by_offset[len(joined)]
        yield joined


class _Names:
    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {"creatortool": [], "softwareagent": [], "software": []}
        self.properties: dict[str, None] = {}  # an ordered set
        self._open: tuple[str, str] | None = None  # namespace and local name of the innermost element
        self._content: list[str] = []

    def read(self, packet: bytes) -> None:
        packet = packet.strip(b"\0 \t\r\n")
        if b"<!DOCTYPE" in packet or not any(word in packet for word in _TELLING_WORDS):
            return
        self._open, self._content = None, []
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # what precedes an error counts, and the error is not recorded; not final, so that a cut packet does not raise
        try:
            parser.Parse(packet.decode("utf-8", "replace"), False)
        except expat.ExpatError:
            return

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._note_open_content()
        self._open, self._content = _split(name), []
        for attribute, value in attributes.items():
            self._note(*_split(attribute), value)

    def _end(self, _name: str) -> None:
        self._note_open_content()

    def _characters(self, content: str) -> None:
        if self._open is not None and len(self._content) < 16:
            self._content.append(content[:1024])

    def _note_open_content(self) -> None:
        if self._open is not None:
            self._note(*self._open, "".join(self._content))
        self._open = None

    def _note(self, namespace: str, local: str, value: str) -> None:
        texts = self.texts.get(local.lower())
        if texts is not None and len(texts) < 4 * AGENTS_MAX:
            texts.append(value[:1024])
        if namespace in _HARMLESS and len(self.properties) < _PROPERTIES_MAX:
            flag_set = local in _SETTINGS_FLAGS and value.strip().lower() == "true"
            if local not in _HARMLESS[namespace] or flag_set:
                self.properties[f"{_PREFIXES[namespace]}:{local[:40]}"] = None


def _split(name: str) -> tuple[str, str]:
    namespace, _, local = name.rpartition(" ")
    return namespace, local
