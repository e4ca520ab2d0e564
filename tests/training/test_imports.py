"""What trains is there: the tests run without torch, so a module that needs it would break unseen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "training").rglob("*.py"))
PACKAGES = {"skysentry": ROOT / "src", "training": ROOT}


def defined(module: Path) -> set[str]:
    """Return the names that a file defines or imports at its top."""
    found: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            aims = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for aim in aims for name in ast.walk(aim) if isinstance(name, ast.Name)}
    return found


def missing(node: ast.ImportFrom) -> list[str]:
    """Return what an import from the project names that is not there."""
    assert node.module is not None
    folder = PACKAGES[node.module.partition(".")[0]] / node.module.replace(".", "/")
    module = folder.with_suffix(".py") if folder.with_suffix(".py").is_file() else folder / "__init__.py"
    names = {alias.name for alias in node.names}
    names -= {name for name in names if (folder / f"{name}.py").is_file() or (folder / name).is_dir()}
    return sorted(names - (defined(module) if module.is_file() else set()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_from_the_project_names_something(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            assert not missing(node), f"line {node.lineno}: {node.module} has no {missing(node)}"
