"""Licences: names and addresses of licences by Flickr's ids, as both sites give them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """One licence as the sites name it."""

    id: str
    """Flickr's."""
    name: str
    """As in flickr.photos.licenses.getInfo."""
    short_name: str
    """As on Wikimedia Commons."""
    url: str


def _creative_commons(licence_id: str, code: str, version: str, name: str) -> Licence:
    url = f"https://creativecommons.org/licenses/{code}/{version}/"
    return Licence(licence_id, name, f"CC {code.upper()} {version}", url)


LICENCES = (
    Licence("0", "All Rights Reserved", "", ""),
    _creative_commons("4", "by", "2.0", "Attribution License"),
    _creative_commons("6", "by-nd", "2.0", "Attribution-NoDerivs License"),
    _creative_commons("3", "by-nc-nd", "2.0", "Attribution-NonCommercial-NoDerivs License"),
    _creative_commons("2", "by-nc", "2.0", "Attribution-NonCommercial License"),
    _creative_commons("1", "by-nc-sa", "2.0", "Attribution-NonCommercial-ShareAlike License"),
    _creative_commons("5", "by-sa", "2.0", "Attribution-ShareAlike License"),
    Licence("7", "No known copyright restrictions", "No restrictions", "https://www.flickr.com/commons/usage/"),
    Licence("8", "United States Government Work", "PD US Government", "http://www.usa.gov/copyright.shtml"),
    Licence("9", "Public Domain Dedication (CC0)", "CC0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    Licence("10", "Public Domain Mark", "Public domain", "https://creativecommons.org/publicdomain/mark/1.0/"),
    _creative_commons("11", "by", "4.0", "CC BY 4.0"),
    _creative_commons("12", "by-sa", "4.0", "CC BY-SA 4.0"),
    _creative_commons("13", "by-nd", "4.0", "CC BY-ND 4.0"),
    _creative_commons("14", "by-nc", "4.0", "CC BY-NC 4.0"),
    _creative_commons("15", "by-nc-sa", "4.0", "CC BY-NC-SA 4.0"),
    _creative_commons("16", "by-nc-nd", "4.0", "CC BY-NC-ND 4.0"),
)
"""Not in order of id, like the real list."""


def licence_of(licence_id: str) -> Licence:
    """Return a licence by Flickr's id; an unknown id means all rights reserved."""
    return next((licence for licence in LICENCES if licence.id == licence_id), LICENCES[0])
