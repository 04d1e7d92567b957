"""The demo's summary: the figures it is about, each with its interval, and nothing for what was not measured."""

from demo.summary import summary

EVALUATION = {
    "photos": 100, "devices": 10, "chance": 0.1, "weighted_accuracy": 0.96, "weighted_interval": [0.9, 0.99],
    "accuracy": {"unaltered": 0.99, "jpeg_70": 0.91, "scale_0.5": 0.9, "scale_2": 0.86},
    "accuracy_intervals": {"unaltered": [0.95, 1.0], "jpeg_70": [0.8, 1.0], "scale_0.5": None, "scale_2": [0.7, 1.0]},
    "calibration": {"error": {"calibrated": {"value": 0.02, "interval": [0.01, 0.04]}}},
}  # fmt: skip
FURTHER = {
    "honesty": {
        "cue_conflict": {
            "detail": 0.93, "detail_interval": [0.9, 0.96], "scene": 0.01, "scene_interval": [0.0, 0.03],
        },
        "scenes_probe": {"accuracy": 0.12, "interval": [0.06, 0.2]},
        "metadata": {"tables_and_sizes": {"accuracy": 0.1, "interval": None}},
    },
    "open_set": {
        "unknown": {"unaltered": {"auroc": {"value": 0.94, "interval": [0.9, 0.97]}}},
        "enrolment": [
            {"photos": photos, "devices": devices, "recall": recall, "interval": [0.7, 1.0]}
            for photos, devices, recall in ((5, 1, 0.6), (20, 2, 0.88), (50, 2, 0.99))
        ],
    },
}  # fmt: skip


def test_every_figure_has_a_line_with_its_interval():
    lines = "\n".join(summary({**EVALUATION, **FURTHER}))
    for name, value in (
        ("weighted accuracy", "0.960 [0.900, 0.990], chance 0.100, on 100 photographs of 10 devices"),
        ("JPEG 70", "0.910 [0.800, 1.000]"),
        ("reduced ×0.5", "0.900"),
        ("calibration error", "0.020 [0.010, 0.040]"),
        ("the detail's camera", "0.930"),
        ("the scene's camera", "0.010"),
        ("scenes alone", "0.120 [0.060, 0.200]"),
        ("metadata alone (tables and sizes)", "0.100"),
        ("AUROC", "0.940"),
        ("from 20 photographs of 2 devices", "0.880"),
    ):
        line = next(line for line in lines.splitlines() if name in line)
        assert value in line


def test_what_was_not_measured_has_no_line():
    lines = "\n".join(summary({**EVALUATION, "honesty": {"notes": []}, "open_set": {"unknown": None, "enrolment": []}}))
    assert "weighted accuracy" in lines
    for name in ("AUROC", "enrolled", "metadata", "detail"):
        assert name not in lines
