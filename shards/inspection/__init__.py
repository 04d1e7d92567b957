"""Inspection: what `shards.verify`, `shards.stats` and `shards.show` find in a published generation."""
