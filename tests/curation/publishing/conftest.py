"""What tests of a generation's files share: the counts and the learned values of an example."""

import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example"


@pytest.fixture
def counts():
    return json.loads((EXAMPLE / "funnel.json").read_text())


@pytest.fixture
def natives():
    return json.loads((EXAMPLE / "natives.json").read_text())
