"""Checks of what a crawl needs on this machine: contact, storage, folder of the limits, folder of existing files.

The storage and the folder of the limits are written to and read, and what was written is removed again.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, ShutterprintError
from corpus.storage import Store
from crawlers.check.result import Finding
from crawlers.folder.files import fits, walk
from crawlers.folder.layouts import LAYOUTS
from crawlers.network.limits import limits_folder, locked

SPACE_SCARCE_BYTES = 10 << 30  # a night's crawl may bring some thousands of originals of a few MB each
FILES_LOOKED_AT = 200_000  # more would take minutes: a disk lists some ten thousand a second


def check_contact(configuration: Configuration, *, is_needed: bool) -> Finding:
    """Check that `crawl.contact` names somebody to whom the sites can write."""
    contact = configuration.crawl.contact.strip()
    if contact:
        return Finding("ok", "contact", contact)
    cure = "set crawl.contact to your address or page: photo sites demand one in the User-Agent"
    return Finding("FAIL" if is_needed else "note", "contact", "crawl.contact is empty", cure)


def check_storage(store: Store) -> Iterator[Finding]:
    """Check that the storage writes, reads and removes files, and how much space is free.

    Nothing is tried again: what does not answer at once is a finding, and a person waits for it.
    """
    store = replace(store, is_patient=False)
    probe = f"probe-{secrets.token_hex(8)}"
    data = secrets.token_bytes(1024)
    step = "written to"
    try:
        store.publish(f"{probe}/written", data)
        step = "read"
        if store.read(f"{probe}/written") != data:
            yield Finding("FAIL", "storage", f"{store.url}: gives back other bytes than were written")
            return
        step = "written to exclusively, which keeps crawls from doing the same work twice"
        if not store.create(f"{probe}/created", data) or store.create(f"{probe}/created", data):
            yield Finding("FAIL", "storage", f"{store.url}: cannot be {step}", "use a storage with conditional writes")
            return
        step = "rid of files"
        store.remove(probe)
    except ShutterprintError as error:
        yield Finding("FAIL", "storage", f"cannot be {step}: {error}")
        return
    except Exception as error:  # noqa: BLE001 - the libraries of object stores have errors of their own
        cure = "look at `storage`, its rights, and the credentials in the environment"
        yield Finding("FAIL", "storage", f"{store.url}: cannot be {step}: {type(error).__name__}: {error}", cure)
        return
    finally:
        if step != "written to":
            with suppress(Exception):  # that it cannot be removed is a finding already
                store.remove(probe)
    yield Finding("ok", "storage", f"{store.url}: written, read, created exclusively, removed")
    if store.is_local:
        yield check_space(shutil.disk_usage(store.url).free)


def check_space(free_bytes: int) -> Finding:
    """Check that the free space is enough for a night."""
    text = f"{free_bytes / 1e9:,.1f} GB free"
    return Finding("note" if free_bytes < SPACE_SCARCE_BYTES else "ok", "storage space", text)


def check_limits(configured: str, environment: Mapping[str, str]) -> Finding:
    """Check that the folder in which the crawls of this machine share their limits can be used."""
    try:
        folder = limits_folder(configured, environment)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="probe-", dir=folder) as probe, locked(Path(probe) / "lock"):
            pass
    except ConfigurationError as error:
        return Finding("FAIL", "limits folder", str(error))
    except OSError as error:
        cure = "name a folder of your own on a local disk in crawl.limits_folder"
        return Finding("FAIL", "limits folder", f"{error.filename}: cannot be written: {error.strerror}", cure)
    return Finding("ok", "limits folder", str(folder))


def check_folder(configuration: Configuration) -> Finding:
    """Check that there is a folder of existing files, and count those that a crawl would read."""
    section, store = configuration.sources.folder, configuration.store
    if not section.path:
        return Finding("FAIL", "folder", "sources.folder.path is empty", "set it to the folder with the photographs")
    root = (configuration.file.parent / Path(section.path).expanduser()).resolve()
    own = Path(store.url) if store.is_local else None
    if own is not None and root.is_relative_to(own):
        return Finding("FAIL", "folder", f"{root}: lies in the storage, which crawls write into")
    pattern = section.pattern or LAYOUTS[section.layout].pattern
    matching = seen = 0
    try:
        for entry in walk(root, own):
            seen += 1
            matching += not entry.name.endswith("/") and fits(pattern, os.fsdecode(unquote_to_bytes(entry.address)))
            if seen == FILES_LOOKED_AT:
                break
    except OSError as error:
        cure = "look at sources.folder.path, and whether the disk is mounted"
        return Finding("FAIL", "folder", f"{root}: cannot be listed: {error.strerror}", cure)
    text = f"{root}: {matching:,} of {seen:,} files match {pattern}"
    if seen == FILES_LOOKED_AT:
        text += "; it has more, which were not counted"
    if matching:
        return Finding("ok", "folder", text)
    return Finding("FAIL", "folder", text, "look at sources.folder.pattern and layout, and whether the disk is mounted")
