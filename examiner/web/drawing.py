"""Drawing: makes a JPEG of a picture that browsers do not decode, in a process of its own with bounded memory and time.

`python -P -m examiner.web.drawing` reads the file from its standard input and writes the JPEG to its standard output.
"""

import io
import sys

from PIL import Image

from examiner.photograph.opened import Photograph
from examiner.sandbox.limits import allow_cpu_s, confine

_MEMORY_BYTES = 4 << 30
_CPU_S = 30
_EDGE_PX = 4096
"""Longer edge of what is drawn."""
_QUALITY = 92


def main() -> int:
    """Draw one picture; returns the exit code, 1 where it does not decode."""
    confine(_MEMORY_BYTES)
    allow_cpu_s(_CPU_S)
    try:
        picture = Image.fromarray(Photograph(sys.stdin.buffer.read()).rgb)
    except (ValueError, MemoryError):
        return 1
    picture.thumbnail((_EDGE_PX, _EDGE_PX))
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=_QUALITY)
    sys.stdout.buffer.write(saved.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
