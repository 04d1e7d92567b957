"""Tiles: what is cut from a photograph, and what a tar and its table hold of it."""

from shards.tiles.cutting import Cut, cut_tiles, whole_photo

__all__ = ["Cut", "cut_tiles", "whole_photo"]
