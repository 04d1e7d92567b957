"""Shards: judged photographs in, WebDataset tars of lossless tiles, their index and its readers out."""
