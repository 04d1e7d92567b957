"""Errors of reading one JPEG; each says what is wrong and at which offset of the file.

JpegError             the bytes are no JPEG, or one whose header breaks the standard
└── HeaderIncomplete  so far nothing is wrong, but the bytes given end before the first scan begins
"""


class JpegError(ValueError):
    """The bytes cannot be read as a JPEG file.

    `offset` is counted in bytes from the start of the file.
    """

    def __init__(self, what: str, offset: int) -> None:
        # both arguments stay in `args`, so that the error survives the way back from a worker process
        super().__init__(what, offset)
        self.what = what
        self.offset = offset

    def __str__(self) -> str:
        """Return the text a person reads."""
        return f"{self.what} at offset {self.offset}"


class HeaderIncomplete(JpegError):  # noqa: N818 - no fault of the bytes: more of them are asked for
    """The bytes given are a prefix that ends inside the header.

    `needed_bytes` is how many bytes from the start of the file are needed to go on, at the least: with that
    many the next segment can be read, which may again ask for more.
    """

    def __init__(self, what: str, offset: int, needed_bytes: int) -> None:
        super().__init__(what, offset)
        self.args = (what, offset, needed_bytes)
        self.needed_bytes = needed_bytes
