"""A file's kind is what its bytes say; what is no photograph is refused with what it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from train.prediction import reading
from train.prediction.reading import kind_of, read_file


def test_the_kind_is_that_of_the_bytes(textured: Callable[..., np.ndarray], saved: Callable[..., bytes]) -> None:
    for kind in ("JPEG", "PNG", "WebP", "TIFF"):
        assert kind_of(saved(textured(16, 16), kind)) == kind
    assert kind_of(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "HEIC"
    assert kind_of(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf") == "AVIF"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"PK\3\4rest", "is an archive; unpack it"),
        (b"\x1f\x8b\x08", "is an archive"),
        (bytes(257) + b"ustar\0", "is an archive"),
        (b"GIF89a", "is a GIF"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "is a raw file; give the JPEG"),
        (b"IIRO\x08\0\0\0", "is a raw file; give the JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL"),
        (b"RIFF\0\0\0\0AVI LIST", "is a film"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "is a film"),
        (b"\0\0\0\0ftyp", "is a film"),
        (b"hello", "is no JPEG, PNG, WebP, HEIC, AVIF or TIFF"),
    ],
)
def test_what_is_no_photograph_is_refused_with_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind_of(data)


def test_a_file_larger_than_any_photograph_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FILE_MAX_BYTES", 10)
    (tmp_path / "f").write_bytes(bytes(11))
    with pytest.raises(ValueError, match="has 11 B, more than the largest photograph"):
        read_file(str(tmp_path / "f"))
