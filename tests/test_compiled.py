"""Compiled functions need nothing that is not installed with skysentry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import skysentry

SOURCES = sorted(Path(skysentry.__file__).parent.rglob("*.py"))
# What numba makes calls of scipy's linear algebra of.
ALGEBRA = {"dot", "vdot", "linalg"}


def kernels() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.id for one in getattr(node, "decorator_list", []) if isinstance(one, ast.Name)]
            if isinstance(node, ast.FunctionDef) and "kernel" in names:
                yield f"{path.name}:{node.name}", node


def test_no_kernel_calls_linear_algebra_that_needs_scipy() -> None:
    found = dict(kernels())
    assert len(found) > 100
    wrong = [
        name
        for name, function in found.items()
        for node in ast.walk(function)
        if isinstance(node, ast.MatMult) or (isinstance(node, ast.Attribute) and node.attr in ALGEBRA)
    ]
    assert wrong == []
