"""Coefficients: an entropy coder; reads a baseline JPEG's quantised DCT coefficients and writes rectangles of them."""

from forensics.coefficients.photograph import PHOTO_MAX_PX, Blocks, Coefficients
from forensics.coefficients.reading import read_coefficients
from forensics.coefficients.writing import write_rectangle

__all__ = ["PHOTO_MAX_PX", "Blocks", "Coefficients", "read_coefficients", "write_rectangle"]
