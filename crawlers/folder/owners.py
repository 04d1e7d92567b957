"""Owners: a file's path below the tree → the person whose photograph it is, as far as the path says so. Pure.

Consensus counts owners, so a folder is no owner unless the configuration says so: one person with many folders would
otherwise outvote everybody else. Without a word about owners the whole tree is one, which no row names.
"""

import re

PATH_CHARACTERS_MAX = 256
"""A pattern is not matched against longer paths: with r repeats (`corpus.validation.CHOICES_MAX`) a match that fails
tries every way to put r ends into a path, which are less than three million."""


def owner_of(path: str, owner: int | str | None, device: str | None = None) -> str | None:
    """Return the owner of a file, None for the owner of the whole tree.

    `path`: below the tree, with `/`. `owner`: as in `sources.folder.owner`: a level, a pattern, or None. `device`: what
    the layout says of the path; a collection's device belongs to one person, and `owner` overrules it.
    """
    if owner is None:
        return device
    if isinstance(owner, int):
        folders = path.split("/")[:-1]
        return folders[owner - 1] if len(folders) >= owner else None
    match = re.compile(owner, re.DOTALL).match(path) if len(path) <= PATH_CHARACTERS_MAX else None
    return (match["owner"] or None) if match else None
