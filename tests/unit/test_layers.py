"""The house itself: imports go one way, and functions and files stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("media", "b2bua", "api")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py*") if path.suffix in {".py", ".pyi"})
MEASURED = sorted({*(path for path in SOURCES if path.suffix == ".py"), *(ROOT / "engine").glob("*.py")})
TESTS = sorted((ROOT / "tests").rglob("*.py"))

FORBIDDEN = {
    "media": {"b2bua", "api", "pjsua2", "json", "starlette", "uvicorn", "websockets", "pydantic"},
    "b2bua": {"api", "json", "starlette", "uvicorn", "websockets", "pydantic", "pydantic_settings"},
    "api": {"pjsua2"},
}
"""What a layer must not know."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """The top-level package of each import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno} is a relative import"
            yield (node.module or "").partition(".")[0]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    assert function.end_lineno is not None
    first = function.body[0]
    is_docstring = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str
    )
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def parameters(function: Function) -> int:
    """How many there are, `self` and `cls` not counted."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([each for each in listed if each.arg not in {"self", "cls"}])


def test_there_is_something_to_look_at() -> None:
    """All layers were found."""
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(LAYERS)
    assert len(MEASURED) > 30


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_layer_imports_only_downwards(path: Path) -> None:
    """api -> b2bua -> media, and none of them what is another layer's business."""
    layer = path.relative_to(ROOT).parts[0]
    assert not set(imports(path)) & FORBIDDEN[layer]


def test_pjsua2_is_used_in_one_place() -> None:
    """By the SIP thread, and by the check of what the build can do."""
    users = {named(path) for path in SOURCES if "pjsua2" in imports(path)}
    assert users
    assert not [user for user in users if not user.startswith("b2bua/sip/") and user != "b2bua/capabilities.py"]


def test_no_function_is_over_sixty_lines() -> None:
    """Without its docstring."""
    long = [
        f"{named(path)}:{function.lineno} {function.name}: {length(function)} lines"
        for path in MEASURED
        for function in functions(path)
        if length(function) > 60
    ]
    assert not long


def test_nineteen_functions_of_twenty_are_at_most_forty_lines() -> None:
    """The 95th percentile of all there are."""
    lengths = sorted(length(function) for path in MEASURED for function in functions(path))
    assert lengths[len(lengths) * 95 // 100] <= 40


def test_no_function_has_more_than_six_parameters() -> None:
    """More of them are a dataclass."""
    crowded = [
        f"{named(path)}:{function.lineno} {function.name}: {parameters(function)} parameters"
        for path in MEASURED
        for function in functions(path)
        if parameters(function) > 6
    ]
    assert not crowded


def test_no_file_is_over_five_hundred_lines() -> None:
    """Sources and tests alike."""
    files = {*MEASURED, *TESTS, *(ROOT / "media" / "_bridge").iterdir()}
    long = {named(path): len(path.read_text().splitlines()) for path in files}
    assert not {name: lines for name, lines in long.items() if lines > 500}
