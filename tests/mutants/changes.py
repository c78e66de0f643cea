"""What may be changed in a module so that some test should notice: one small change each, with the line it stands on.

Unlike mutmut these reach tables at the top of a module, and unlike cosmic-ray they take whole statements out: the two ways in which a check
that nobody tests goes missing. What a person reads (docstrings, the arguments of `say`) and types are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

Edit = Callable[[ast.AST], ast.AST | None]
"""Gets the node of a copy of the tree; gives what stands in its place (None: nothing), or changes it and gives it back."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.Mult: ast.Add,
}  # fmt: skip
_SAID = {"say", "label", "Text"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a module: the number of its node in a walk through the tree, what happens there, and how that reads."""

    line: int
    what: str
    node: int
    edit: Edit

    def apply(self, tree: ast.Module) -> str:
        """The source of the changed module."""
        copy = deepcopy(tree)
        wanted = list(ast.walk(copy))[self.node]
        return ast.unparse(ast.fix_missing_locations(_Replace(wanted, self.edit).visit(copy)))


class _Replace(ast.NodeTransformer):
    def __init__(self, wanted: ast.AST, edit: Edit) -> None:
        self.wanted, self.edit = wanted, edit

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is not self.wanted:
            return super().generic_visit(node)
        changed = self.edit(node)
        return ast.Pass() if changed is None and isinstance(node, ast.stmt) else changed


def changes(tree: ast.Module) -> list[Change]:
    """Every change of a module, in the order of its nodes."""
    left_alone = set(_left_alone(tree))
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if node not in left_alone:
            found += [Change(getattr(node, "lineno", 0), what, number, edit) for what, edit in _of(node)]
    return found


def _left_alone(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.AnnAssign():
                parts = [node.annotation]
            case ast.arg():
                parts = [node.annotation]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts = [node.returns, *node.decorator_list]
            case ast.ClassDef():
                parts = [*node.decorator_list]
            case ast.Call(func=ast.Name(id=name)) if name in _SAID:
                parts = [each for each in node.args if isinstance(each, ast.Constant)]
            case ast.Expr(value=ast.Constant()):
                parts = [node]
            case ast.Import() | ast.ImportFrom() | ast.Assign(targets=[ast.Name(id="__all__")]):
                parts = [node]
        for part in parts:
            if part is not None:
                yield from ast.walk(part)


def _of(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    """The changes of one node."""
    for kind in (_conditions, _constants, _statements, _collections):
        yield from kind(node)


def _conditions(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _SWAPS:
            yield f"`{_short(node)}` compares with {_SWAPS[type(op)].__name__}", _swap_compare
        case ast.BoolOp():
            yield f"`{_short(node)}` joined by {_SWAPS[type(node.op)].__name__}", _swap_op
            for place in range(len(node.values)):
                yield f"`{_short(node)}` without `{_short(node.values[place])}`", _without_value(place)
        case ast.BinOp() if type(node.op) in _SWAPS:
            yield f"`{_short(node)}` with {_SWAPS[type(node.op)].__name__}", _swap_op
        case ast.UnaryOp(op=ast.Not()):
            yield f"`{_short(node)}` without not", lambda found: found.operand  # type: ignore[attr-defined]
        case ast.comprehension(ifs=[_, *_]):
            yield f"comprehension without `if {_short(node.ifs[0])}`", _without_if


def _statements(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            yield f"condition `{_short(node.test)}` turned round", _negate
            if isinstance(node, ast.If) and not node.orelse:
                yield f"removed `if {_short(node.test)}`", lambda _found: None
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant) or node.value.value is not None:
            yield f"`{_short(node)}` returns None", lambda _found: ast.Return(value=ast.Constant(value=None))
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield f"removed `{_short(node)}`", lambda _found: None


def _collections(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    match node:
        case ast.Dict(keys=[_, *_]):
            for place, key in enumerate(node.keys):
                yield f"table without `{_short(key) if key else '**'}`", _without_key(place)
        case ast.Set(elts=[_, _, *_]) | ast.Tuple(elts=[_, _, *_], ctx=ast.Load()) | ast.List(elts=[_, _, *_], ctx=ast.Load()):
            for place, element in enumerate(node.elts):
                yield f"`{_short(node)}` without `{_short(element)}`", _without_element(place)


def _constants(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        yield f"{value} is {not value}", lambda _found: ast.Constant(value=not value)
    elif isinstance(value, int | float):
        yield f"{value} is {value + 1}", lambda _found: ast.Constant(value=value + 1)
    elif isinstance(value, str) and value:
        yield f"{value[:40]!r} is another text", lambda _found: ast.Constant(value=value + "XX")


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "…"


def _swap_compare(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops = [_SWAPS[type(node.ops[0])]()]  # type: ignore[list-item]
    return node


def _swap_op(node: ast.AST) -> ast.AST:
    node.op = _SWAPS[type(node.op)]()  # type: ignore[attr-defined]
    return node


def _negate(node: ast.AST) -> ast.AST:
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)  # type: ignore[attr-defined]
    return node


def _without_if(node: ast.AST) -> ast.AST:
    node.ifs = node.ifs[1:]  # type: ignore[attr-defined]
    return node


def _without_value(place: int) -> Edit:
    def edit(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.BoolOp)
        del node.values[place]
        return node if len(node.values) > 1 else node.values[0]

    return edit


def _without_key(place: int) -> Edit:
    def edit(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Dict)
        del node.keys[place], node.values[place]
        return node

    return edit


def _without_element(place: int) -> Edit:
    def edit(node: ast.AST) -> ast.AST:
        del node.elts[place]  # type: ignore[attr-defined]
        return node

    return edit
