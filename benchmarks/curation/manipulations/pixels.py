"""Manipulations that decode the picture and save it again: re-saves, turns, crops, resizes, messengers, screenshots."""

from collections.abc import Callable

from PIL import Image, ImageEnhance

from benchmarks.curation.manipulations.subject import NotApplicableError, Subject, converted, saved

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
_SCREEN_PX = (1080, 1920)
_PHONES = ("apple", "google", "samsung", "borea", "corvid", "eider")


def resave(quality: int, **options: object) -> Callable[[Subject], bytes]:
    """Return the manipulation that opens a photograph and saves it at a quality, EXIF kept."""

    def apply(subject: Subject) -> bytes:
        image = subject.image()
        return saved(image, image, quality=quality, **options)

    return apply


def resave_with_own_tables(subject: Subject, **options: object) -> bytes:
    """Open and save with the camera's own quantisation tables and subsampling."""
    image = subject.image()
    return saved(image, image, **_own_coding(subject, image), **options)


def resave_with_own_tables_optimised(subject: Subject) -> bytes:
    """Save with the camera's own tables and Huffman tables fitted to the picture."""
    return resave_with_own_tables(subject, optimize=True)


def turned(degrees: int) -> Callable[[Subject], bytes]:
    """Return a gallery's turn: the picture turned, saved at 98 with `optimize`, the old EXIF kept."""

    def apply(subject: Subject) -> bytes:
        image = subject.image()
        turn = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180}[degrees]
        return saved(image.transpose(turn), image, quality=98, optimize=True)

    return apply


def cropped(left_px: int, top_px: int, subject: Subject) -> bytes:
    """Cut a frame off at the left and the top, save at 98, EXIF kept."""
    image = subject.image()
    return saved(image.crop((left_px, top_px, image.width, image.height)), image, quality=98)


def cropped_and_scaled_back(subject: Subject) -> bytes:
    """Cut 3 % off, scale back to the native size, save at 98, EXIF kept."""
    image = subject.image()
    return saved(_three_percent(image), image, quality=98)


def cropped_and_scaled_back_with_own_tables(subject: Subject) -> bytes:
    """Cut 3 % off, scale back to the native size, save with the camera's own tables, EXIF kept."""
    image = subject.image()
    return saved(_three_percent(image), image, **_own_coding(subject, image))


def halved_and_doubled(subject: Subject) -> bytes:
    """Halve the picture, scale it back to the native size, save at 98, EXIF kept."""
    image = subject.image()
    half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
    return saved(half.resize(image.size, Image.Resampling.BICUBIC), image, quality=98)


def resized(subject: Subject) -> bytes:
    """Scale to eight tenths, save at 98, EXIF kept."""
    image = subject.image()
    size = (image.width * 8 // 10, image.height * 8 // 10)
    return saved(image.resize(size, Image.Resampling.BICUBIC), image, quality=98)


def brightened(subject: Subject) -> bytes:
    """Brighten by a tenth, save at 98, EXIF kept."""
    image = subject.image()
    return saved(ImageEnhance.Brightness(image).enhance(1.1), image, quality=98)


def brightened_with_own_tables(subject: Subject) -> bytes:
    """Brighten by a tenth, save with the camera's own tables, EXIF kept."""
    image = subject.image()
    return saved(ImageEnhance.Brightness(image).enhance(1.1), image, **_own_coding(subject, image))


def brightened_behind_own_header(subject: Subject) -> bytes:
    """Brighten by a tenth, and put the scan of the result behind the camera's own, unchanged header.

    The scan is coded with the tables that this header states, so the header fits it in every respect.
    """
    facts, image = subject.facts, subject.image()
    if facts.huffman != "standard" or facts.coding != "baseline":
        raise NotApplicableError("the header states Huffman tables of the photograph's own")
    restarts = {"restart_marker_blocks": facts.restart_interval} if facts.restart_interval else {}
    bright = ImageEnhance.Brightness(image).enhance(1.1)
    made = saved(bright, image, **_own_coding(subject, image), **restarts, exif=None, icc_profile=None)
    start = Subject(made, b"").facts.scan_offset_bytes
    return subject.data[: facts.scan_offset_bytes] + made[start:]


def messenger(longest_px: int, quality: int, *, keeps_exif: bool) -> Callable[[Subject], bytes]:
    """Return what a messenger sends: the longest side reduced, a low quality, EXIF kept or not."""

    def apply(subject: Subject) -> bytes:
        image = subject.image()
        small = image.copy()
        small.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
        exif = image.info.get("exif") if keeps_exif else None
        return saved(small, image, quality=quality, exif=exif, icc_profile=None)

    return apply


def screenshot(subject: Subject, *, native_size: bool = False) -> bytes:
    """Show the photograph on a phone's screen, save the screen as JPEG with the phone's EXIF."""
    if (subject.facts.make or "").casefold().split()[0] not in _PHONES:
        raise NotApplicableError("is not by a phone")
    image = subject.image()
    screen = Image.new("RGB", _SCREEN_PX, (245, 245, 245))
    shown = image.copy()
    shown.thumbnail(_SCREEN_PX)
    screen.paste(shown, (0, (screen.height - shown.height) // 2))
    if native_size:
        screen = screen.resize(image.size, Image.Resampling.BICUBIC)
    return saved(screen, image, quality=95, icc_profile=None)


def screenshot_at_native_size(subject: Subject) -> bytes:
    """Scale a screenshot to the camera's native size, save it with the phone's EXIF."""
    return screenshot(subject, native_size=True)


def imagemagick(*options: str) -> Callable[[Subject], bytes]:
    """Return a conversion by ImageMagick, which keeps the metadata unless an option says otherwise."""
    return lambda subject: converted(subject.data, *options)


def _three_percent(image: Image.Image) -> Image.Image:
    across, down = image.width * 3 // 200, image.height * 3 // 200
    part = image.crop((across, down, image.width - across, image.height - down))
    return part.resize(image.size, Image.Resampling.BICUBIC)


def _own_coding(subject: Subject, image: Image.Image) -> dict[str, object]:
    """Return the camera's tables and subsampling as Pillow's options."""
    facts = subject.facts
    if facts.subsampling not in _SUBSAMPLING:
        raise NotApplicableError(f"Pillow writes no {facts.subsampling}")
    return {"qtables": [list(table) for table in facts.quantisation_tables],
            "subsampling": _SUBSAMPLING[facts.subsampling]}  # fmt: skip
