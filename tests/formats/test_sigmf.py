"""SigMF: description and samples, what is missing, what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from skysentry.errors import FormatError, InputError
from skysentry.events import Block
from skysentry.formats import ReadOptions, read

WHEN = "2026-03-04T05:06:07.25Z"
WHEN_NS = 1_772_600_767_250_000_000


def recording(folder: Path, **changes: object) -> Path:
    """Write 1,000 samples in two stretches; return the description's path."""
    meta = {
        "global": {"core:datatype": "ci16_le", "core:sample_rate": 1e6, "core:version": "1.2.0"},
        "captures": [
            {"core:sample_start": 0, "core:frequency": 2.4e9, "core:datetime": WHEN},
            {"core:sample_start": 600, "core:frequency": 5.8e9},
        ],
        "annotations": [],
    }
    meta["global"] = {**meta["global"], **changes}  # type: ignore[dict-item]
    np.arange(2_000, dtype="<i2").tofile(folder / "one.sigmf-data")
    path = folder / "one.sigmf-meta"
    path.write_text(json.dumps(meta))
    return path


@pytest.mark.parametrize("suffix", [".sigmf-meta", ".sigmf-data"])
def test_stretches_are_blocks_with_their_tuning(tmp_path: Path, suffix: str) -> None:
    blocks = [e for e in read(recording(tmp_path).with_suffix(suffix)) if isinstance(e, Block)]
    assert [(b.shape, b.centre_hz) for b in blocks] == [((600, 2), 2.4e9), ((400, 2), 5.8e9)]
    assert [b.time_ns for b in blocks] == [WHEN_NS, WHEN_NS + 600_000]
    assert b"".join(b.data for b in blocks) == (tmp_path / "one.sigmf-data").read_bytes()


def test_a_rate_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    path = recording(tmp_path, **{"core:sample_rate": None})
    with pytest.raises(InputError, match="rate"):
        list(read(path))
    assert list(read(path, ReadOptions(rate_hz=2e6)))


@pytest.mark.parametrize(
    "changes", [{"core:datatype": "rf64_be"}, {"core:num_channels": 2}, {"core:sample_rate": -1}, {"core:datatype": 3}]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        list(read(recording(tmp_path, **changes), ReadOptions(format="sigmf")))


def test_half_a_recording(tmp_path: Path) -> None:
    path = recording(tmp_path)
    path.with_suffix(".sigmf-data").unlink()
    with pytest.raises(FormatError, match="other half"):
        list(read(path))
