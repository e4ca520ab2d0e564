"""What the README shows works as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_six_lines_track_a_file(tmp_path: Path) -> None:
    sim = [sys.executable, "-m", "skysentry", "sim", "airport", "--seconds", "20", "--out", str(tmp_path)]
    subprocess.run(sim, check=True, capture_output=True, timeout=60)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 6
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) > 20


@pytest.mark.parametrize(
    "page", [README, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_within_the_project_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (ROOT / link).exists() or (ROOT / "docs" / link).exists(), link
