"""What findings say of a file's compression history, in words."""

import io

import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.finding import Finding, Map, Regions, Table


def photograph(seed: int, side: int = 512) -> Image.Image:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (side // 16, side // 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    return Image.fromarray(np.clip(smooth * 0.8 + 25 + random.normal(0, 5, (side, side, 1)), 0, 255).astype(np.uint8))


def saved(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def again(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def findings(data: bytes) -> dict[str, Finding]:
    return {each.name: each for each in examiner.examine(data).findings}


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return photograph(14)


@pytest.fixture(scope="module")
def montage(picture: Image.Image) -> dict[str, Finding]:
    once = again(saved(picture, 65))
    once.paste(photograph(15).crop((5, 3, 133, 131)), (160, 288))
    return findings(saved(once, 95))


def test_an_earlier_compression_on_the_same_grid_is_named_with_its_quality(montage: dict[str, Finding]) -> None:
    found = montage["double_compression"]
    assert "at a quality near 6" in found.statement
    assert "quality 95" in found.statement
    assert any(isinstance(each, Table) and len(each.rows) == 9 for each in found.evidence)


def test_a_region_without_the_earlier_compression_is_shown(montage: dict[str, Finding]) -> None:
    found = montage["uneven_compression"]
    assert found.statement.startswith("A region within")
    [drawn] = [each for each in found.evidence if isinstance(each, Map)]
    assert np.nanmin(drawn.values[9:13, 5:9]) > 0.9
    assert np.nanmax(drawn.values[:7]) < 0.1
    [(region,)] = [each.sets[0] for each in found.evidence if isinstance(each, Regions)]
    assert np.abs(np.array(region) - (160, 288, 128, 128)).max() <= 32


def test_a_picture_saved_once_has_no_earlier_compression_that_a_region_could_lack(picture: Image.Image) -> None:
    found = findings(saved(picture, 90))
    assert found["double_compression"].statement.startswith("No trace")
    assert found["double_compression"].score is not None
    assert found["uneven_compression"].score == 0


def test_a_plain_picture_says_nothing_and_why() -> None:
    found = findings(saved(Image.new("RGB", (256, 256), "grey"), 90))
    assert found["double_compression"].level == "none"
    assert "too plain" in found["double_compression"].statement


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_region_with_another_grid_is_shown(picture: Image.Image) -> None:
    part = again(saved(photograph(16), 70)).crop((195, 197, 387, 389))
    together = picture.copy()
    together.paste(part, (256, 128))
    found = findings(saved(together, 95))["foreign_grid"]
    assert "begin at (5, 3)" in found.statement
    [drawn] = [each for each in found.evidence if isinstance(each, Map)]
    assert np.nanmin(drawn.values[3:4, 5:6]) > 0.6
    assert np.nanmax(drawn.values[:, :3]) < 0.6
    [((x, y, width, height),)] = [each.sets[0] for each in found.evidence if isinstance(each, Regions)]
    assert abs(x + width / 2 - 352) <= 64
    assert abs(y + height / 2 - 224) <= 64


def test_a_crop_of_a_whole_jpeg_has_a_second_grid_but_no_region_of_its_own(picture: Image.Image) -> None:
    found = findings(saved(again(saved(picture, 70)).crop((3, 5, 512, 512)), 92))
    assert "begins at (5, 3)" in found["shifted_grid"].statement
    assert found["foreign_grid"].statement.startswith("No region")


def test_a_png_that_was_a_jpeg_is_told_with_its_grid_and_quality(picture: Image.Image) -> None:
    found = findings(png(again(saved(picture, 80)).crop((3, 6, 512, 512))))
    assert found["earlier_jpeg"].statement.startswith("The picture was probably a JPEG before, of quality 80")
    assert "begins at (5, 2)" in found["earlier_jpeg"].statement
    assert "shifted_grid" not in found
    assert "double_compression" not in found


def test_a_region_from_another_jpeg_in_a_png_is_shown(picture: Image.Image) -> None:
    together = again(saved(picture, 90)).crop((2, 1, 512, 512))
    together.paste(again(saved(photograph(16), 70)).crop((192, 192, 384, 384)), (251, 131))
    found = findings(png(together))["foreign_grid"]
    assert "begin at (3, 3)" in found.statement


def test_a_png_that_was_no_jpeg_has_no_grid(picture: Image.Image) -> None:
    found = findings(png(picture))
    assert found["earlier_jpeg"].statement.startswith(("No grid", "No clear grid"))
    assert found["foreign_grid"].statement.startswith("No region")


def test_a_resized_picture_is_told_with_its_factor(picture: Image.Image) -> None:
    side = round(512 * 1.7)
    found = findings(saved(picture.resize((side, side), Image.Resampling.BICUBIC), 95))["resampling"]
    assert "1.70" in found.statement
    assert any(isinstance(each, Table) and len(each.rows) == 2 for each in found.evidence)


def test_a_picture_of_its_own_size_was_not_resized(picture: Image.Image) -> None:
    assert findings(saved(picture, 90))["resampling"].statement.startswith("No clear trace of interpolation")
