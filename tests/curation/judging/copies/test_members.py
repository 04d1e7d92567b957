"""What copies are decided by: what refusals say of a file, and the signs of a program in its form."""

import pytest

from curation.judging.copies.members import Standing, coarseness, standing_of
from curation.reasons import REASONS
from curation.rules import RULES, software_signs
from forensics.jpeg.quality import scaled_tables


@pytest.mark.parametrize(
    ("reasons", "standing"),
    [
        ([], Standing.CLEAN),
        (["licence_not_allowed"], Standing.NOT_ACCUSED),
        (["deleted_at_source"], Standing.NOT_ACCUSED),
        (["camera_not_chosen"], Standing.NOT_ACCUSED),
        (["too_little_support", "camera_unknown"], Standing.NOT_ACCUSED),
        (["label_disagrees"], Standing.NOT_ACCUSED),
        (["truncated"], Standing.NOT_ACCUSED),
        (["a_later_idea"], Standing.NOT_ACCUSED),
        (["low_quality_factor", "camera_not_chosen"], Standing.DOUBTED),
        (["not_native_tables"], Standing.DOUBTED),
        (["software_not_firmware"], Standing.DOUBTED),
        (["edited_by_software", "low_quality_factor"], Standing.ALTERED),
        (["changed_later"], Standing.ALTERED),
        (["size_disagrees", "camera_not_chosen"], Standing.ALTERED),
        (["no_camera_model"], Standing.ALTERED),
        (["foreign_grid"], Standing.ALTERED),
    ],
)
def test_refusals_accuse_a_file_of_nothing_of_what_may_be_genuine_or_of_having_been_altered(reasons, standing):
    assert standing_of(reasons) == standing


def test_every_rule_about_a_file_accuses_it_but_for_the_camera_and_the_missing_end():
    assert {rule.__name__ for rule in RULES} <= REASONS.keys()
    of_nothing = {rule.__name__ for rule in RULES if standing_of([rule.__name__]) == Standing.NOT_ACCUSED}
    assert of_nothing == {"camera_unknown", "truncated"}


def test_signs_of_a_program_are_the_ijgs_tables_optimised_huffman_and_jfif_before_exif(photo):
    own = {"quality_residual": 2.5, "huffman": "standard"}
    assert software_signs(photo(**own)) == 0
    assert software_signs(photo(**own | {"quality_residual": 0.0})) == 1
    assert software_signs(photo(**own | {"huffman": "optimised"})) == 1
    assert software_signs(photo(**own, segments=("APP0:JFIF", "APP1:Exif", "DQT"))) == 1
    assert software_signs(photo(**own, segments=("APP1:Exif", "APP0:JFIF", "DQT"))) == 0
    assert software_signs(photo(**own, segments=("APP0:JFIF", "DQT"))) == 0
    assert software_signs(photo(quality_residual=0, huffman="optimised", segments=("APP0:JFIF", "APP1:Exif"))) == 3


def test_finer_tables_are_less_coarse_whatever_number_they_are_named_by(photo):
    quality = [coarseness(photo(quantisation_tables=scaled_tables(factor))) for factor in (80, 95, 98)]
    assert quality == sorted(quality, reverse=True)
    assert coarseness(photo(quantisation_tables=())) == 0
