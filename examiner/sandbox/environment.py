"""Environment: the variables that a process gets which will decode strangers' files: no proxies, and no secrets."""

import os
from pathlib import Path

import examiner

_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
_SECRETS = ("KEY", "SECRET", "TOKEN", "PASSWORD")


def environment(*, secrets: bool) -> dict[str, str]:
    """Return this process's variables without proxies, with the folder of this package first among those of code.

    `secrets`: whether keys and tokens stay, which a process needs that reads a remote storage before any file.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in _PROXIES and (secrets or not is_secret(name))
    }
    code = str(Path(examiner.__file__).resolve().parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (code, os.environ.get("PYTHONPATH"))))
    return kept | {"MALLOC_ARENA_MAX": "4"}  # each arena takes address space, which is limited


def is_secret(name: str) -> bool:
    """Whether a variable's name speaks of a key, a secret, a token or a password."""
    return any(each in name.upper() for each in _SECRETS)
