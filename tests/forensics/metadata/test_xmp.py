"""XMP: names of software in packets as programs write them, broken ones and hostile ones."""

import struct

import pytest

from forensics.header import read_facts
from forensics.metadata.xmp import XmpFacts, read_xmp

EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


@pytest.mark.parametrize(
    "description",
    [
        '<rdf:Description xmp:CreatorTool="Adobe Photoshop CS5 Windows"/>',
        "<rdf:Description><xmp:CreatorTool> Adobe Photoshop CS5 Windows\n</xmp:CreatorTool></rdf:Description>",
        "<rdf:Description xmp:Creatortool='Adobe Photoshop CS5 Windows'></rdf:Description>",
        '<rdf:Description xmlns:xap="http://ns.adobe.com/xap/1.0/" xap:CreatorTool="Adobe Photoshop CS5 Windows"/>',
    ],
)
def test_the_creator_tool_is_read_as_attribute_and_as_element(with_xmp, description):
    facts = read_facts(with_xmp(description), whole=True)
    assert facts.xmp_creator_tool == "Adobe Photoshop CS5 Windows"
    assert facts.editor_marks == ("xmp:CreatorTool: Adobe Photoshop CS5 Windows",)


def test_the_agents_of_the_history_are_read_each_once_in_their_order(with_xmp):
    history = (
        "<rdf:Description><xmpMM:History><rdf:Seq>"
        '<rdf:li stEvt:action="saved" stEvt:softwareAgent="GIMP 2.10"/>'
        '<rdf:li rdf:parseType="Resource">'
        "<stEvt:softwareAgent>Adobe Photoshop CC &amp; Co</stEvt:softwareAgent></rdf:li>"
        '<rdf:li stEvt:softwareAgent="GIMP 2.10"/>'
        "</rdf:Seq></xmpMM:History></rdf:Description>"
    )
    facts = read_facts(with_xmp(history), whole=True)
    assert facts.xmp_history_agents == ("GIMP 2.10", "Adobe Photoshop CC & Co")
    assert facts.editor_marks == ("xmp:History: GIMP 2.10", "xmp:History: Adobe Photoshop CC & Co")


def test_the_toolkit_and_bound_but_unused_namespaces_are_no_marks(with_xmp):
    facts = read_facts(with_xmp('<rdf:Description xmp:CreateDate="2021-01-01"/>'), whole=True)
    assert (facts.xmp_creator_tool, facts.editor_marks) == (None, ())


def test_used_properties_of_camera_raw_and_photoshop_are_marks(with_xmp):
    facts = read_facts(with_xmp('<rdf:Description crs:Exposure2012="+0.12" crs:Contrast="3"/>'), whole=True)
    assert facts.editor_marks == ("xmp:crs: crs:Exposure2012 and 1 more",)
    element = "<rdf:Description><photoshop:ColorMode>3</photoshop:ColorMode></rdf:Description>"
    assert read_facts(with_xmp(element), whole=True).editor_marks == ("xmp:photoshop: photoshop:ColorMode",)


def test_a_drone_that_says_camera_raw_did_nothing_has_no_mark_but_one_that_says_it_did_has(with_xmp):
    said = '<rdf:Description crs:Version="7.0" crs:HasSettings="False" crs:HasCrop="False" crs:AlreadyApplied="{}"/>'
    assert read_facts(with_xmp(said.format("False")), whole=True).editor_marks == ()
    assert read_facts(with_xmp(said.format("True")), whole=True).editor_marks == ("xmp:crs: crs:AlreadyApplied",)


def test_the_date_phones_mirror_into_the_photoshop_namespace_is_no_mark(with_xmp):
    facts = read_facts(with_xmp('<rdf:Description photoshop:DateCreated="2019-05-01T10:00:00"/>'), whole=True)
    assert facts.editor_marks == ()


def test_extended_xmp_is_joined_in_the_order_of_its_offsets(jpeg, insert, segment):
    packet = b'<a xmlns:s="urn:s"><b s:softwareAgent="Snapseed 2.19"/></a>'
    parts = [
        segment(0xE1, EXTENSION + b"0" * 32 + struct.pack(">II", len(packet), start) + packet[start:end])
        for start, end in ((30, len(packet)), (0, 30))
    ]
    assert read_facts(insert(jpeg(), *parts), whole=True).editor_marks == ("xmp:History: Snapseed 2.19",)


def test_a_packet_cut_or_broken_counts_up_to_there():
    packet = b'<a xmlns:s="urn:s"><b s:CreatorTool="GIMP 2.10"/><c s:softwareAgent="darktable'
    assert read_xmp([packet]) == XmpFacts(creator_tool="GIMP 2.10")
    assert read_xmp([packet + b'"/></nonsense>']) == XmpFacts(creator_tool="GIMP 2.10", history_agents=("darktable",))
    assert read_xmp([b"<a><CreatorTool>GIMP 2.10</CreatorTool>" + b"x" * 300_000]).creator_tool == "GIMP 2.10"


def test_nothing_behind_256_kib_is_looked_at():
    packet = b"<a>" + b" " * 256 * 1024 + b"<CreatorTool>GIMP 2.10</CreatorTool></a>"
    assert read_xmp([packet]) == XmpFacts()


def test_a_document_type_is_refused_so_no_entity_expands():
    laughs = b'<!DOCTYPE a [<!ENTITY l "GIMP 2.10">]><a><CreatorTool>&l;</CreatorTool></a>'
    assert read_xmp([laughs]) == XmpFacts()
    in_utf_16 = laughs.decode().encode("utf-16")
    assert read_xmp([in_utf_16]) == XmpFacts()
    undeclared = b"<a><CreatorTool>&l;GIMP 2.10</CreatorTool></a>"
    assert read_xmp([undeclared]) == XmpFacts()


def test_names_are_bounded_in_number_and_length():
    agents = "".join(f'<li softwareAgent="GIMP {index} {"x" * 900}"/>' for index in range(90))
    facts = read_xmp([f"<a>{agents}</a>".encode()])
    assert len(facts.history_agents) == 16
    assert {len(agent) for agent in facts.history_agents} == {256}
