"""Partial decode: libjpeg-turbo's own way to decode a rectangle, compiled when it is first used, for comparison.

`jpeg_crop_scanline` and `jpeg_skip_scanlines` leave out colour conversion and transform beside and above the
rectangle; all Huffman codes up to its last row must be read. Needs a C compiler and libjpeg-turbo's header.
"""

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <jpeglib.h>
struct failed { struct jpeg_error_mgr base; jmp_buf place; };
static void fail(j_common_ptr info) { longjmp(((struct failed *)info->err)->place, 1); }
static void quiet(j_common_ptr info, int level) { (void)info; (void)level; }
int decode_rectangle(const unsigned char *data, unsigned long size, unsigned x, unsigned y, unsigned width,
                     unsigned height, unsigned margin, unsigned char *out, unsigned *left, unsigned *stride) {
    struct jpeg_decompress_struct info;
    struct failed errors;
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = fail;
    errors.base.emit_message = quiet;
    if (setjmp(errors.place)) { jpeg_destroy_decompress(&info); return 1; }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, (unsigned char *)data, size);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    info.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&info);
    JDIMENSION first = x > margin ? x - margin : 0, end = x + width + margin;
    if (end > info.output_width) end = info.output_width;
    JDIMENSION count = end - first;
    jpeg_crop_scanline(&info, &first, &count);
    *left = first;
    *stride = count;
    if (y) jpeg_skip_scanlines(&info, y);
    for (unsigned row = 0; row < height; row++) {
        unsigned char *line = out + (size_t)row * count * 3;
        jpeg_read_scanlines(&info, &line, 1);
    }
    jpeg_abort_decompress(&info);
    jpeg_destroy_decompress(&info);
    return 0;
}
"""
MARGIN_PX = 8
"""So far beside a rectangle the pixels differ, since the chroma there lacks its neighbour."""


@cache
def _library() -> Any:
    """Compile the function against the libjpeg-turbo of Pillow's wheel, which is the newest at hand, and load it."""
    wheels = sorted((Path(PIL.__file__).parents[1] / "pillow.libs").glob("libjpeg*.so*"))
    folder = Path(tempfile.mkdtemp(prefix="partial-decode-"))
    (folder / "partial.c").write_text(SOURCE)
    links = [str(wheels[0]), f"-Wl,-rpath,{wheels[0].parent}"] if wheels else ["-ljpeg"]
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(folder / "partial.so"), str(folder / "partial.c"), *links]
    subprocess.run(command, check=True, capture_output=True)
    return ctypes.CDLL(str(folder / "partial.so"))


def decode_partly(jpeg: bytes, x_px: int, y_px: int, width_px: int, height_px: int) -> np.ndarray:
    """Return a rectangle of a JPEG, uint8 height × width × 3, RGB."""
    left, stride = ctypes.c_uint(), ctypes.c_uint()
    out = np.empty(height_px * (width_px + 2 * MARGIN_PX + 64) * 3, np.uint8)
    failed = _library().decode_rectangle(
        jpeg, ctypes.c_ulong(len(jpeg)), x_px, y_px, width_px, height_px, MARGIN_PX,
        out.ctypes.data_as(ctypes.c_void_p), ctypes.byref(left), ctypes.byref(stride),
    )  # fmt: skip
    if failed:
        raise ValueError("libjpeg cannot decode this")
    lines = out[: height_px * stride.value * 3].reshape(height_px, stride.value, 3)
    return lines[:, x_px - left.value : x_px - left.value + width_px]
