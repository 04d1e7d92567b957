"""Shards: packs judged photographs into WebDataset tars of lossless tiles, indexes the tars and reads them."""
