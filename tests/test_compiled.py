"""Compiled functions need nothing that is not installed with skysentry, and those without arrays hold to that."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import skysentry

SOURCES = sorted(Path(skysentry.__file__).parent.rglob("*.py"))
# What numba makes calls of scipy's linear algebra of.
ALGEBRA = {"dot", "vdot", "linalg"}
# What a kernel returns: `Four` and `Five` are tuples of floats.
NUMBERS = {"None", "bool", "int", "float", "np", "uint64", "tuple", "Four", "Five"}


def kernels(*kinds: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.id for one in getattr(node, "decorator_list", []) if isinstance(one, ast.Name)]
            if isinstance(node, ast.FunctionDef) and {*names} & {*kinds}:
                yield f"{path.name}:{node.name}", node


def test_no_kernel_calls_linear_algebra_that_needs_scipy() -> None:
    found = dict(kernels("kernel", "array_kernel"))
    assert len(found) > 100
    wrong = [
        name
        for name, function in found.items()
        for node in ast.walk(function)
        if isinstance(node, ast.MatMult) or (isinstance(node, ast.Attribute) and node.attr in ALGEBRA)
    ]
    assert wrong == []


def test_a_kernel_hands_out_no_array_and_calls_nothing_that_does() -> None:
    """Nobody counts who holds an array there: one that is handed out would be freed while it is used."""
    found = dict(kernels("kernel"))
    assert len(found) > 100
    returned = {name: {*re.findall(r"\w+", ast.unparse(node.returns or node))} for name, node in found.items()}
    assert {name: words - NUMBERS for name, words in returned.items() if words - NUMBERS} == {}
    makers = {node.name for _, node in kernels("array_kernel")} - {node.name for node in found.values()}
    called = {
        name: {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
        for name, node in found.items()
    }
    assert {name: names & makers for name, names in called.items() if names & makers} == {}
