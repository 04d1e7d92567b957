"""The table a person reads in the terminal after a training."""

from train.evaluation.table import evaluation_table


def test_columns_are_aligned_and_what_has_no_figure_says_so() -> None:
    seen = {"camera": "a", "photos": 12, "devices": 1, "recall": 1.0, "precision": 0.5, "recall_manipulated": 0.25}
    seen |= {"precision_interval": (0.25, 0.75)}
    unseen = {"photos": 0, "devices": 0, "recall": None, "precision": None, "recall_manipulated": None}
    cameras = [seen, {"camera": "longer", **unseen}]
    accuracy, intervals = {"jpeg_70": 0.5, "unaltered": 1.0}, {"jpeg_70": (0.25, 0.75), "unaltered": None}
    text = evaluation_table({"accuracy": accuracy, "accuracy_intervals": intervals, "cameras": cameras})
    lines = text.splitlines()
    assert lines[:3] == [
        "condition  accuracy  95 % interval",
        "jpeg_70       0.500  0.250 – 0.750",
        "unaltered     1.000              -",
    ]
    assert lines[4:] == [
        "camera  photos  devices  recall  95 % interval  precision  95 % interval  recall, manipulated  95 % interval",
        "a           12        1   1.000              -      0.500  0.250 – 0.750                0.250              -",
        "longer       0        0       -              -          -              -                    -              -",
    ]
