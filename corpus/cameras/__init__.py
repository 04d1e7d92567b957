"""The cameras that are known: the catalogue and its file, and the names of the challenge."""
