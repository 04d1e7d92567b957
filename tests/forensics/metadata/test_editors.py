"""Editors: names that mark editing software, and names that only look like them."""

import pytest

from forensics.header import read_facts
from forensics.metadata.editors import EDITORS, editor_name

PHOTOS_OF_EDITORS = [
    "Adobe Photoshop CS5 Windows", "Adobe Photoshop Lightroom Classic 8.0 (Macintosh)", "Adobe Camera Raw 9.1",
    "Capture One 12 Macintosh", "CaptureOne 5 PRO", "GIMP 2.10.6", "GIMP2.10", "Affinity Photo 1.10", "darktable 3.0.1",
    "RawTherapee 5.8", "Luminar 4", "Pixelmator 3.9", "Pixelmator Photo", "Photomator 3", "Acorn version 5.6",
    "Paint.NET v3.5.10", "Paint Shop Pro Photo 12", "Corel PHOTO-PAINT X5", "Adobe Illustrator CC", "Inkscape 1.0",
    "Canva", "Pixlr", "Picasa", "Picasa 3.0", "IrfanView", "ACDSee Pro 7", "XnView", "FastStone", "Photomatix Pro 4.2",
    "NeatImage", "Microsoft Windows Photo Gallery 6.0.6001.18000", "Windows Photo Editor 10.0.10011.16384",
    "Digital Photo Professional", "Canon ZoomBrowser EX", "ViewNX 2.7 W", "FinePixViewer Ver.5.1", "QuickTime 7.7.1",
    "Ashampoo Photo Commander", "Snapseed 2.19.1", "VSCO", "PicsArt", "Facetune", "Afterlight", "MeituPic", "Meitu",
    "BeautyPlus", "FaceApp", "B612", "Instagram", "WhatsApp", "Facebook", "Twitter for iPhone", "Snapchat", "TikTok",
    "Telegram", "WeChat", "Screenshot", "Snipping Tool", "Midjourney v5", "DALL-E 3", "Stable Diffusion XL",
    "Nikon Transfer 1.1 W", "com.adobe.photoshop", "photos 1.5", "Aperture 3.4.5", "SIGMA PhotoPro 2.0.0.1586",
    "LIBFORMAT (c) Pierre-e Gougelet", "Adobe Fireworks CS5 11.0.0.484 Windows",
]  # fmt: skip

FIRMWARES = [
    "HDR+ 1.0.126161355r", "HDR+ 1.0.362396382zd", "bullhead-user 7.1.2 N2G47Z 4045516 release-keys", "9.3.1", "14.4.2",
    "NEX-7 v1.03", "N900AUCUBMI9", "N900XXUEBMI5", "I9505XXUEMJ5", "I545VRUAME7", "Ver.1.3", "Ver.1.00 ", "Version 1.3",
    "Camera FV-5 3.31.4", "Exif Software Version 1.0.2.0", "v01.17.2029", "Digital Camera FinePix2400Zoom Ver1.70",
    "KODAK EASYSHARE Camera Firmware", "Adobe XMP Core 5.1.0-jc003", "MediaTek Camera Application", "E775v1.3u",
    # words that only begin like, end like or contain an editor's name
    "LINE", "Snow", "Snowflake 2", "Paint", "Imagen 3", "Imagenes", "Onlineline", "paintbrush", "Corelia 2",
    "Acornwood", "Picasaurus", "megaphotoshop", "canvas 12", "Meituan", "Luminary", "Affinityx",
    "photographic editorial", "Google", "SAMSUNG Camera", "Photo Pro", "Firefly 8SE", "DxO ONE 3.1",
]  # fmt: skip


@pytest.mark.parametrize("software", PHOTOS_OF_EDITORS)
def test_editors_are_named(software):
    assert editor_name(software) is not None


@pytest.mark.parametrize("software", FIRMWARES)
def test_firmware_and_lookalikes_are_not_editors(software):
    assert editor_name(software) is None


@pytest.mark.parametrize("name", EDITORS)
def test_every_listed_name_is_found_as_a_word_and_not_as_a_piece(name):
    assert editor_name(f"The {name.title()} 3.1") == name
    assert editor_name(f"{name}like") is None
    assert editor_name(f"x{name}") is None


def test_the_longest_of_overlapping_names_need_not_win_but_one_does():
    assert editor_name("Adobe Photoshop Lightroom 6.1") == "photoshop"


def test_software_and_processing_software_are_marks_where_they_name_an_editor(with_exif):
    facts = read_facts(
        with_exif({0x0131: "Adobe Photoshop CS5 Windows", 0x000B: "Windows Photo Editor 10"}), whole=True
    )
    assert facts.editor_marks == (
        "exif:Software: Adobe Photoshop CS5 Windows",
        "exif:ProcessingSoftware: Windows Photo Editor 10",
    )


@pytest.mark.parametrize(
    "software", ["9.3.1", "HDR+ 1.0.126161355r", "bullhead-user 7.1.2", "Program nobody knows 1.0"]
)
def test_firmware_and_unknown_software_are_no_marks(with_exif, software):
    facts = read_facts(with_exif({0x0131: software}), whole=True)
    assert (facts.software, facts.editor_marks) == (software, ())


def test_an_ios_version_as_creator_tool_is_no_mark(with_xmp):
    facts = read_facts(with_xmp('<rdf:Description xmp:CreatorTool="12.1.4"/>'), whole=True)
    assert (facts.xmp_creator_tool, facts.editor_marks) == ("12.1.4", ())


@pytest.mark.parametrize(
    ("marker", "payload", "mark"),
    [
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0", "app13: Photoshop 3.0"),
        (0xEE, b"Adobe\0d\0\0\0\0\x01", "app14: Adobe"),
        (0xEC, b"Ducky\0\x01\0\x04\0\0\0\x3c", "app12: Ducky"),
        (0xFE, b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n",
         "com: CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"),
        (0xFE, b"AppleMark\n", "com: AppleMark"),
        (0xFE, b"Created by PICResize.com", "com: Created by PICResize.com"),
        (0xFE, b"File written by Adobe Photoshop\xa8 5.0", "com: File written by Adobe Photoshop¨ 5.0"),
        (0xFE, b"LEAD Technologies Inc. V1.01", "com: LEAD Technologies Inc. V1.01"),
        (0xFE, b"Intel(R) JPEG Library, version [1.51.12.44]", "com: Intel(R) JPEG Library, version [1.51.12.44]"),
        (0xFE, b"Created with GIMP", "com: Created with GIMP"),
        (0xFE, b"Lavc58.91.100", "com: Lavc58.91.100"),
    ],
)  # fmt: skip
def test_segments_only_software_writes_are_marks(jpeg, insert, segment, marker, payload, mark):
    assert read_facts(insert(jpeg(), segment(marker, payload)), whole=True).editor_marks == (mark,)


@pytest.mark.parametrize(
    ("marker", "payload"),
    [
        (0xED, b"Adobe_CM\0\x02"),
        (0xEC, b"OLYMPUS OPTICAL CO.,LTD.\0"),
        (0xEC, b"[picture info]\0"),
        (0xE2, b"ICC_PROFILE\0\x01\x01ADBE Adobe Photoshop"),
        (0xFE, b"User comments"),
        (0xFE, b"Holiday in Photovale, by train"),
    ],
)
def test_segments_cameras_write_too_are_no_marks(jpeg, insert, segment, marker, payload):
    assert read_facts(insert(jpeg(), segment(marker, payload)), whole=True).editor_marks == ()


def test_hints_are_no_marks(jpeg, insert, segment, tiff):
    # dates and sizes that differ, progressive coding, JFIF before EXIF
    exif = segment(
        0xE1, b"Exif\0\0" + tiff({0x0132: "2020:01:01 00:00:00"}, {0x9003: "2019:01:01 00:00:00", 0xA002: 9})
    )
    data = jpeg(progressive=True)
    behind_jfif = 2 + 18
    facts = read_facts(data[:behind_jfif] + exif + data[behind_jfif:], whole=True)
    assert facts.segments[:2] == ("APP0:JFIF", "APP1:Exif")
    assert facts.modified_at != facts.taken_at
    assert facts.editor_marks == ()
