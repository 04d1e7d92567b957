"""Torchvision repair: makes `import timm` work beside a torchvision that was built for another torch.

With a CPU-only torch and the registry's torchvision (built for CUDA), torchvision's operators cannot be loaded, and
`import torchvision`, which timm does, fails with "operator torchvision::nms does not exist". This project uses none of
those operators, so declaring their names suffices. Call `repair_torchvision` before timm is imported, in every process.
`torchvision.io` and the operators themselves stay unusable. Where torchvision is whole, nothing is changed.
"""

import functools
import importlib
import sys
from typing import Any, cast

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache  # the library object must live as long as the process: its operators go with it
def repair_torchvision() -> Any:
    """Import torchvision, where necessary after declaring the operators that its build cannot load.

    Returns the declaring `torch.library.Library`, or None where torchvision is whole. Any other fault of the import is
    raised unchanged.
    """
    try:
        importlib.import_module("torchvision")
        return None
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library: Any = cast(Any, torch.library).Library("torchvision", "FRAGMENT")
    for operator in _OPERATORS:
        library.define(f"{operator}{_SCHEMA}")
    importlib.import_module("torchvision")
    return library
