"""JPEG: what compression at 4:2:0 does to the pixels of crops, without writing a JPEG.

uint8 pixels → pixels, equal bit for bit to what libjpeg gives with its accurate integer DCT (`islow`) and interpolated
chroma (`fancy upsampling`), the defaults of Pillow and OpenCV. The entropy coder between them loses nothing and is left
out. Each step repeats the arithmetic of one file of libjpeg-turbo (github.com/libjpeg-turbo): colours (jccolor.c,
jdcolor.c), reduction of chroma (jcsample.c, jcprepct.c), forward DCT (jfdctint.c), quantisation (jcdctmgr.c,
jcparam.c), inverse DCT (jidctint.c), interpolation of chroma (jdsample.c, jdmainct.c).

A pass of the DCT rounds only at its end, so it is a product with a matrix of integers. Products and sums stay below
2^53, so float64 computes them exactly, on every device alike and by its fastest routines.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_BLOCK_PX = 8
_NARROW_PX = 2
"""Chroma of up to as many columns is repeated, not interpolated."""


def compress(crops_nchw: Tensor, quality_factors: Tensor, sizes: Tensor | None = None) -> Tensor:
    """Return uint8 crops N×3×H×W after JPEG compression at IJG quality factors, int64 N; beyond 1 to 100 these count.

    Annex K tables, 4:2:0. `sizes`: int64 N×2, where crops are smaller than H×W: height and width of each, more than
    four pixels; behind them its last row and column must be repeated. Raises ValueError for another number of factors.
    """
    if len(quality_factors) != len(crops_nchw):
        raise ValueError(f"{len(quality_factors)} quality factors for {len(crops_nchw)} crops")
    if not crops_nchw.numel():
        return crops_nchw
    height_px, width_px = crops_nchw.shape[-2:]
    tables = _tables(quality_factors)
    luma, blue, red = _ycc(crops_nchw.to(torch.int32).unbind(1))
    chroma = _reduced(torch.stack((blue, red), dim=1))
    halves = None if sizes is None else (sizes + 1) // 2
    if halves is not None:
        chroma = _held(chroma, -2, halves[:, 0])
    luma = _coded(luma[:, None], tables[:, :1])[:, 0, :height_px, :width_px]
    chroma = _coded(chroma, tables[:, 1:])[..., : -(-height_px // 2), : -(-width_px // 2)]
    if halves is not None:
        chroma = _held(_held(chroma, -2, halves[:, 0]), -1, halves[:, 1])
    chroma = _interpolated(chroma)
    return _rgb(luma, *chroma[..., :height_px, :width_px].unbind(1))


def _ycc(rgb: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return luma, blue and red difference of 0..255 in 16-bit fixed point (jccolor.c)."""
    red, green, blue = rgb
    half, offset = 1 << 15, (128 << 16) + (1 << 15) - 1
    return (
        (19595 * red + 38470 * green + 7471 * blue + half) >> 16,
        (-11059 * red - 21709 * green + 32768 * blue + offset) >> 16,
        (32768 * red - 27439 * green - 5329 * blue + offset) >> 16,
    )


def _rgb(luma: Tensor, blue: Tensor, red: Tensor) -> Tensor:
    """Return uint8 colours N×3×H×W (jdcolor.c)."""
    blue, red, half = blue - 128, red - 128, 1 << 15
    colours = (
        luma + ((91881 * red + half) >> 16),
        luma + ((-22554 * blue - 46802 * red + half) >> 16),
        luma + ((116130 * blue + half) >> 16),
    )
    return torch.stack(colours, dim=1).clamp_(0, 255).to(torch.uint8)


def _reduced(chroma: Tensor) -> Tensor:
    """Return chroma N×2×H×W with half as many rows and columns (jcsample.c, h2v2), padded to whole blocks.

    A column beyond the edge is the last one before it is reduced, a row beyond it the last reduced one (jcprepct.c).
    Sums are rounded down and up in turn.
    """
    height_px, width_px = chroma.shape[-2:]
    columns_px = -(-width_px // (2 * _BLOCK_PX)) * 2 * _BLOCK_PX
    chroma = _edged(chroma, height_px + height_px % 2, columns_px)
    sums = chroma[..., 0::2, :] + chroma[..., 1::2, :]
    sums = sums[..., 0::2] + sums[..., 1::2]
    bias = 1 + torch.arange(columns_px // 2, dtype=torch.int32, device=chroma.device) % 2
    reduced = (sums + bias) >> 2
    return _edged(reduced, -(-reduced.shape[-2] // _BLOCK_PX) * _BLOCK_PX, reduced.shape[-1])


def _interpolated(chroma: Tensor) -> Tensor:
    """Return chroma with twice as many rows and columns: three parts of the nearest, one of the next (jdsample.c)."""
    if chroma.shape[-1] <= _NARROW_PX:
        return chroma.repeat_interleave(2, -2).repeat_interleave(2, -1)
    rows = torch.cat((chroma[..., :1, :], chroma, chroma[..., -1:, :]), dim=-2)
    near, above, below = 3 * chroma, rows[..., :-2, :], rows[..., 2:, :]
    sums = torch.stack((near + above, near + below), dim=-2).flatten(-3, -2)
    columns = torch.cat((sums[..., :1], sums, sums[..., -1:]), dim=-1)
    near, before, behind = 3 * sums, columns[..., :-2], columns[..., 2:]
    return torch.stack(((near + before + 8) >> 4, (near + behind + 7) >> 4), dim=-1).flatten(-2)


def _coded(planes: Tensor, tables: Tensor) -> Tensor:
    """Return planes N×C×H×W of 0..255, padded to whole blocks, after DCT, quantisation and back, as int32.

    `tables`: N×C×8×8.
    """
    height_px, width_px = (-(-edge_px // _BLOCK_PX) * _BLOCK_PX for edge_px in planes.shape[-2:])
    planes = _edged(planes, height_px, width_px)
    shape = (*planes.shape[:2], height_px // _BLOCK_PX, _BLOCK_PX, width_px // _BLOCK_PX, _BLOCK_PX)
    blocks = (planes - 128).reshape(shape).transpose(3, 4)
    steps = tables[:, :, None, None]
    matrix = _matrix(planes.device)
    coefficients = _descaled(matrix @ _descaled(blocks.to(torch.float64) @ matrix.T, 11), 15)  # rows first
    levels = _levels(coefficients, 8 * steps)
    pixels = _descaled(_descaled(matrix.T @ levels.mul_(steps), 11) @ matrix, 18)  # columns first
    pixels = pixels.add_(128).clamp_(0, 255).to(torch.int32)
    return pixels.transpose(3, 4).reshape(*planes.shape[:2], height_px, width_px)


def _levels(coefficients: Tensor, steps: Tensor) -> Tensor:
    """Return coefficients divided by integer steps, rounded, halves away from zero."""
    return ((coefficients.abs() + (steps / 2).floor_()) / steps).floor_().copysign_(coefficients)


def _descaled(values: Tensor, bits: int) -> Tensor:
    """Return integers divided by 2^bits and rounded, halves up; changes its input."""
    return values.add_(float(1 << (bits - 1))).mul_(2.0**-bits).floor_()


def _edged(planes: Tensor, height_px: int, width_px: int) -> Tensor:
    """Return planes of a size, whose last rows and columns are repeated."""
    below, behind = height_px - planes.shape[-2], width_px - planes.shape[-1]
    return pad(planes, (0, behind, 0, below), mode="replicate") if below or behind else planes


def _held(planes: Tensor, axis: int, sizes: Tensor) -> Tensor:
    """Return planes N×C×H×W in which from each one's size on, along an axis, its last row or column is repeated."""
    places = torch.minimum(torch.arange(planes.shape[axis], device=planes.device), sizes[:, None] - 1)
    places = places[:, None, :, None] if axis == -2 else places[:, None, None, :]
    return planes.gather(axis, places.expand(planes.shape))


def _tables(quality_factors: Tensor) -> Tensor:
    """Return the quantisation tables of luma and twice chroma at quality factors, float64 N×3×8×8 (jcparam.c)."""
    factors = quality_factors.clamp(1, 100)
    percent = torch.where(factors < 50, 5000 // factors, 200 - 2 * factors)
    standard = _standard_tables(quality_factors.device)
    return ((standard * percent[:, None, None, None] + 50) // 100).clamp_(1, 255).to(torch.float64)


@lru_cache(maxsize=16)  # constants stay on a device: to send them each time, it would have to be waited for
def _standard_tables(device: torch.device) -> Tensor:
    """Return the tables of Annex K, for luma and twice for chroma, int64 3×8×8."""
    return torch.tensor((_LUMA, _CHROMA, _CHROMA), device=device)


@lru_cache(maxsize=16)
def _matrix(device: torch.device) -> Tensor:
    """Return the forward DCT of eight values in 13-bit fixed point, float64, frequency by value (jfdctint.c).

    Loeffler, Ligtenberg and Moschytz's scheme with 12 multiplications (ICASSP 1989), applied to the unit vectors. The
    inverse DCT of jidctint.c is its transpose.
    """
    values = np.eye(8, dtype=np.int64)
    sums, differences = values[:4] + values[:3:-1], (values[:4] - values[:3:-1])[::-1]
    even, odd = (sums[0] + sums[3], sums[1] + sums[2]), (sums[0] - sums[3], sums[1] - sums[2])
    turned = 4433 * (odd[0] + odd[1])
    a, b, c, d = differences
    ad, bc, ac, bd, all_four = (
        -7373 * (a + d),
        -20995 * (b + c),
        -16069 * (a + c),
        -3196 * (b + d),
        9633 * (a + b + c + d),
    )
    frequencies = (
        (even[0] + even[1]) << 13,
        12299 * d + ad + bd + all_four,
        turned + 6270 * odd[0],
        25172 * c + bc + ac + all_four,
        (even[0] - even[1]) << 13,
        16819 * b + bc + bd + all_four,
        turned - 15137 * odd[1],
        2446 * a + ad + ac + all_four,
    )
    return torch.from_numpy(np.stack(frequencies).astype(np.float64)).to(device)
