"""The vocabulary stands once: its values in the code are members of program.terms, in templates they are values of theirs."""

import ast
import inspect
import re
from enum import StrEnum
from pathlib import Path

import pytest

from program import terms
from program.labels import METRIC_TEXTS, label, labelled
from program.terms import Cause, DealKind, Metric, Origin, Side, Track

ROOT = Path(__file__).resolve().parents[2]
APPS = (
    "accounts", "api", "calculator", "clients", "commissions", "dashboard", "imports", "ledger", "partner_portal", "portfolio",
    "program", "renewals", "reports", "tiers",
)  # fmt: skip
ENUMS = [value for value in vars(terms).values() if isinstance(value, type) and issubclass(value, StrEnum)][1:]
# What a name that is compared is called, by the terms that it can hold.
HOLDS = {
    "track": (Track,), "cause": (Cause,), "origin": (Origin,), "stage": (terms.Stage,), "metric": (Metric,),
    "standing": (terms.PaymentStanding,), "market": (terms.Market,), "side": (Side,), "direction": (terms.Direction,),
    "kind": (DealKind, terms.ReviewResult),
    "status": (terms.LineStatus, terms.RenewalStatus, terms.PaymentStanding),
    "state": (terms.LotState,),
}  # fmt: skip


def term_of(node: ast.expr) -> str:
    """The last name of `deal.stage`, `row["stage"]`, `deals__stage` or `stage`; "" for anything else."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def texts(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def bare(code: str) -> list[tuple[int, str]]:
    """Literals of the vocabulary that are compared with, or filtered by, what holds one of its terms: (line, literal)."""
    found = []
    for node in ast.walk(ast.parse(code)):
        pairs: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = [(term_of(name), value) for name in sides for value in sides]
        elif isinstance(node, ast.keyword) and node.arg:
            pairs = [(node.arg.removesuffix("__in").rpartition("__")[2], node.value)]
        for name, value in pairs:
            known = {term.value for enum in HOLDS.get(name, ()) for term in enum}
            found += [(value.lineno, text) for text in texts(value) if text in known]
    return found


def test_no_term_is_compared_as_a_bare_text():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
        for line, text in bare(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('deal.stage == "won"', ["won"]),
        ('"earned" != row["cause"]', ["earned"]),
        ('track in ("sourced", "assisted")', ["sourced", "assisted"]),
        ('deals.filter(deals__stage="open", origin__in=("sourced",))', ["open", "sourced"]),
        ("deal.stage == Stage.WON", []),
        ('export.state == "ready"', []),
        ('column.kind == "points"', []),
    ],
)
def test_what_counts_as_a_bare_text(code, found):
    assert [text for _line, text in bare(code)] == found


def test_templates_compare_with_terms_that_exist():
    """A mistyped one is compared for ever and never met. Only attributes that hold nothing but terms are looked at."""
    known = {
        name: {term.value for enum in HOLDS[name] for term in enum} for name in ("track", "stage", "metric", "market")
    }
    known["track"].add("total")  # a line of the import's points
    known["metric"].add("assisted_points")  # a bar that no tier can require
    wrong = [
        f"{path.relative_to(ROOT)}: {name} {text}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for name, text in re.findall(r'\.(track|stage|metric|market) [!=]= "(\w+)"', path.read_text(encoding="utf-8"))
        if text not in known[name]
    ]
    assert wrong == []


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_member_is_documented(enum):
    source = inspect.getsource(enum)
    assert enum.__doc__
    for member in enum:
        assert re.search(rf"    #: .+\n    {member.name} = ", source), member


def test_every_term_that_people_read_has_a_name():
    for enum in (Track, Cause, DealKind, Origin, Metric, terms.Stage, terms.LineStatus, terms.RenewalStatus):
        assert [value for value, _name in labelled(enum)] == [member.value for member in enum]
    assert {*METRIC_TEXTS} == {*Metric}
    # Two terms of one value are two names.
    assert [str(label(term)) for term in (terms.Stage.LOST, terms.LotState.LOST, DealKind.NEW)] == [
        "Lost",
        "Lost",
        "New",
    ]


def test_what_terms_know_of_each_other():
    assert [cause for cause in Cause if cause.is_gain] == ["earned", "raised"]
    assert [kind for kind in DealKind if kind.is_sale] == ["new", "cross_sell", "upgrade"]
    assert [origin.track for origin in Origin] == [Track.SOURCED, Track.ASSISTED, None]
    assert [metric for metric in Metric if metric.tracks] == [
        "total_points", "sold_points", "sourced_points", "managed_points",
    ]  # fmt: skip
    assert Metric.SOLD_POINTS.tracks == ("sourced", "assisted")
    assert [side.tracks for side in Side] == [("sourced", "assisted"), ("managed",)]
    units = [metric.unit.value for metric in Metric]
    assert units == ["points"] * 4 + ["ratio"] * 2 + ["count"] + ["average"] * 2 + ["money"] * 2
