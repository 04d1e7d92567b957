"""Manifests: a data set as a list of addresses and digests, which another machine makes the same data set of."""
