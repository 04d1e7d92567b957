"""Manipulations of photographs, for benchmarks."""
