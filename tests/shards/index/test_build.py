"""What the index refuses to be built of."""

import pyarrow as pa
import pytest

from corpus.errors import StageError
from shards.index.build import FOUND, PLANNED, build_index, digests_of

PHOTO = {"photo": 1, "tar": 0, "label": 0, "group": "a", "split": 0, "fold": -1, "quality_factor": 95}
TILE = {
    "photo": 1, "tile": 0, "label": 0, "tar": 0, "row": 0, "offset_bytes": 512, "length_bytes": 9, "x_px": 0, "y_px": 0,
    "width_px": 64, "height_px": 64,
}  # fmt: skip


def built(photos, tiles):
    return build_index(pa.Table.from_pylist(photos, PLANNED), pa.Table.from_pylist(tiles, FOUND))


def test_digests_are_numbers_of_16_hex_digits():
    texts = pa.array(["0000000000000000", "0123456789abcdef", "ffffffffffffffff"])
    assert digests_of(texts).tolist() == [0, 0x0123456789ABCDEF, 2**64 - 1]
    assert digests_of(texts[1:2]).tolist() == [0x0123456789ABCDEF]
    assert digests_of(pa.array([], pa.string())).tolist() == []


@pytest.mark.parametrize("wrong", ["", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdefg", "0123456789abcdeé"])
def test_other_names_of_photos_are_refused(wrong):
    with pytest.raises(StageError, match="is not named by 16 hex digits"):
        digests_of(pa.array(["0123456789abcdef", wrong]))


def test_plans_and_tables_that_contradict_each_other_are_refused():
    assert built([PHOTO], [TILE])["tiles"].num_rows == 1
    with pytest.raises(StageError, match="0000000000000002 has tiles but is in no plan"):
        built([PHOTO], [TILE, {**TILE, "photo": 2}])
    with pytest.raises(StageError, match="0000000000000001 has tiles but is in no plan"):
        built([], [TILE])
    with pytest.raises(StageError, match="0000000000000002 is planned but has no tile"):
        built([PHOTO, {**PHOTO, "photo": 2}], [TILE])
    with pytest.raises(StageError, match="0000000000000001 has two labels"):
        built([PHOTO], [{**TILE, "label": 1}])


def test_the_order_of_the_rows_does_not_matter():
    photos = [{**PHOTO, "photo": number, "group": f"g{number % 3}"} for number in range(9)]
    tiles = [{**TILE, "photo": number, "tile": tile} for number in range(9) for tile in range(2)]
    assert built(photos, tiles) == built(photos[::-1], tiles[::-1])
