"""Torchvision repair: makes `import timm` work beside a torchvision built for another torch; does nothing elsewhere.

A CPU-only torch next to the registry's torchvision (built for CUDA) cannot load torchvision's operators, and
`import torchvision`, which timm does, fails with "operator torchvision::nms does not exist". Nothing here uses
those operators: it is enough that their names are known. Call `repair_torchvision` before timm is imported, in
every process. `torchvision.io` and the operators themselves stay unusable.
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
    """Import torchvision, if need be after declaring the operators its build cannot load.

    Returns the declaring `torch.library.Library`, None where torchvision is whole. Any other fault of the
    import is raised as it is.
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
