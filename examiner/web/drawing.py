"""Drawing: makes a JPEG of a picture that browsers do not decode, in a process of its own with bounded memory and time.

`python -m examiner.web.drawing` reads the file from its standard input and writes the JPEG to its standard output.
"""

import io
import resource
import sys

_MEMORY_BYTES = 4 << 30
_CPU_S = 30
_EDGE_PX = 4096
"""Longer edge of what is drawn."""
_QUALITY = 92


def main() -> int:
    """Draw one picture; returns the exit code, 1 where it does not decode."""
    for limit, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_S), (resource.RLIMIT_FSIZE, 0)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    from PIL import Image

    from examiner.photograph.opened import Photograph

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
