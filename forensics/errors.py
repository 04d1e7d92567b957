"""Errors of reading one JPEG; each says what is wrong and at which offset of the file.

JpegError             the bytes are not a JPEG, or its header violates the standard
└── HeaderIncomplete  nothing is wrong so far, but the bytes end before the first scan begins

Decoders' own errors are ValueErrors; `is_short_of_memory` tells those that are the machine's.
"""


class JpegError(ValueError):
    """The bytes cannot be read as a JPEG file.

    `offset`: in bytes from the start of the file.
    """

    def __init__(self, what: str, offset: int) -> None:
        # both arguments stay in `args`, so that the error can be unpickled from a worker process
        super().__init__(what, offset)
        self.what = what
        self.offset = offset

    def __str__(self) -> str:
        """Return the text a person reads."""
        return f"{self.what} at offset {self.offset}"


class HeaderIncomplete(JpegError):  # noqa: N818 - the bytes are not at fault: more of them are needed
    """The bytes are a prefix that ends inside the header.

    `needed_bytes`: how many bytes from the start of the file are needed at least. With that many the next segment can
    be read, which may need more again.
    """

    def __init__(self, what: str, offset: int, needed_bytes: int) -> None:
        super().__init__(what, offset)
        self.args = (what, offset, needed_bytes)
        self.needed_bytes = needed_bytes


def is_short_of_memory(error: ValueError) -> bool:
    """Whether a decoder's error says that the machine lacks memory, and so nothing of the bytes.

    The texts are those of libjpeg's JERR_OUT_OF_MEMORY and of TurboJPEG.
    """
    return str(error).startswith(("Insufficient memory", "Memory allocation failure"))
