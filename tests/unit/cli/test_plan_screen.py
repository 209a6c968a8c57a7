"""The plan screen, word by word, in both languages, and the same plan as Markdown, annotations and JSON."""

import io
import json
from dataclasses import MISSING, fields, replace
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from syncd import locale
from syncd.errors import Place, Problem
from syncd.model import Change, Held, Key, Kind, Op, Origin, Plan, RunPlan
from syncd.render import plan_document, plan_from_document, plan_page
from syncd.render.markdown import markdown_page
from syncd.render.page import Block
from syncd.render.text import colour_wanted, console, print_page
from tests.unit.cli.sample import ANN, run_plan

GOLDEN = Path(__file__).parent / "golden"


def text_of(page, *, colour=False) -> str:
    out = io.StringIO()
    print_page(page, console(out, colour=colour))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "language", "everything"),
    [("plan.en.txt", "en", False), ("plan.fr.txt", "fr", False), ("plan-all.en.txt", "en", True)],
)
def test_the_screen_is_the_golden_one(name, language, everything, monkeypatch):
    monkeypatch.setattr("syncd.render.plan.FOLDED_FROM", 0)
    locale.use(language)
    assert text_of(plan_page(run_plan(), everything=everything)) == (GOLDEN / name).read_text("utf-8")


def test_markdown_is_the_golden_one(monkeypatch):
    monkeypatch.setattr("syncd.render.plan.FOLDED_FROM", 0)
    assert markdown_page(plan_page(run_plan())) == (GOLDEN / "plan.en.md").read_text("utf-8")


def test_annotations_are_the_golden_ones(call, app):
    assert call("plan", "--output", "github").out == (GOLDEN / "plan.github.txt").read_text("utf-8")


def test_the_most_dangerous_comes_first():
    titles = [block.title.partition(" (")[0] for block in plan_page(run_plan())]
    wanted = ["Stopped by a limit", "Frozen and held", "Privileged grants", "Removals", "Accounts", "Renames"]
    assert [title for title in titles if title in wanted] == wanted


def test_every_change_is_shown_once_and_only_once():
    page = plan_page(run_plan(), everything=True)
    shown = [row for block in page if block.title.endswith(")") for row in block.rows]
    assert len({row[:4] for row in shown}) == len(shown)
    assert sum(row[1] == "Bob Ray" for row in shown) == 1  # one membership on two servers
    assert {"keycloak, ldap"} == {row[4] for row in shown if row[1] == "Bob Ray"}


def test_a_long_section_is_cut_and_says_by_how_much():
    removals = tuple(
        Change(Op.DELETE, Key(Kind.MEMBER, ("acme",), (f"p_{n}",)), origin=Origin(unit="/acme"))
        for n in range(1200)
    )
    plan = RunPlan("acme", "test", "d", plans=(Plan("keycloak", removals),))
    assert "… and 1,150 more (--all shows them)" in text_of(plan_page(plan))
    assert "more" not in text_of(plan_page(plan, everything=True))
    locale.use("fr")
    assert "… et 1\N{NARROW NO-BREAK SPACE}150 autres" in text_of(plan_page(plan))


def frozen_plan() -> RunPlan:
    reason = "roster staff shrank from 60 to 0 rows (100 % fewer, 10 % are allowed)"
    leaving = (Key(Kind.MEMBER, ("a",), (f"p_{n}",)) for n in range(3))
    held = tuple(Held(Change(Op.DELETE, key, origin=Origin(unit="/a")), "frozen", reason) for key in leaving)
    return RunPlan("acme", "t", "0123456789abcdef", plans=(Plan("keycloak", held=held),))


def test_a_long_reason_that_many_share_is_said_once_below_them():
    text = text_of(plan_page(frozen_plan()))
    assert text.count("shrank from 60 to 0 rows") == 1
    assert text.count("[1]") == 4


def test_a_frozen_plan_says_how_it_is_let_go():
    text = text_of(plan_page(frozen_plan()))
    assert "To let go what is frozen as well: syncd plans approve 0123456789ab\n" in text


def test_a_name_is_never_taken_for_markup_nor_for_a_terminal_command():
    evil = "[/acme] [red]\x1b[2J\u202ename"
    change = Change(Op.DELETE, Key(Kind.MEMBER, ("a",), (ANN,)), origin=Origin(unit="/a"))
    plan = RunPlan("acme", "test", "d", plans=(Plan("keycloak", (change,)),), names={ANN: evil})
    text = text_of(plan_page(plan), colour=False)
    assert "[/acme] [red]\\x1b[2J\\u202ename" in text
    assert "\x1b" not in text


def test_colour_repeats_only_what_symbols_say():
    page = plan_page(run_plan())
    coloured = text_of(page, colour=True)
    assert "\x1b[" in coloured
    assert "\x1b[" not in text_of(page)


@pytest.mark.parametrize(
    ("choice", "environ", "wanted"),
    [
        ("auto", {}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_who_decides_on_colour(choice, environ, wanted):
    assert colour_wanted(choice, io.StringIO(), environ) is wanted


def test_a_dumb_terminal_is_not_coloured():
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    assert colour_wanted("auto", terminal, {"TERM": "xterm"})
    assert not colour_wanted("auto", terminal, {"TERM": "dumb"})


def test_on_a_terminal_only_the_last_column_is_folded():
    terminal = io.StringIO()
    narrow = Console(file=terminal, width=110, color_system=None, markup=False, highlight=False)
    print_page(plan_page(run_plan()), narrow)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 110
    assert any("mappings/acme.yaml:16  waits for adoption:" in line for line in lines)


def test_an_empty_plan_says_so():
    text = text_of(plan_page(RunPlan("acme", "test", "d", plans=(Plan("keycloak"),))))
    assert "Nothing to change." in text
    assert "Next" not in text


@pytest.mark.parametrize(
    ("plan", "command"),
    [
        (
            RunPlan("acme", "t", "0123456789abcdef", stops=run_plan().stops),
            "syncd plans approve 0123456789ab",
        ),
        (RunPlan("acme", "t", "d", plans=run_plan().plans), "syncd apply acme"),
        (
            RunPlan("acme", "t", "d", plans=(Plan("keycloak", held=run_plan().plans[0].held),)),
            "syncd held acme",
        ),
        (RunPlan("acme", "t", "d", failed={"ldap": "no answer"}), "syncd doctor"),
    ],
)
def test_the_next_command_fits_the_plan(plan, command):
    assert f"Next: {command}\n" in text_of(plan_page(plan))


def test_a_move_to_another_parent_shows_both_paths():
    change = Change(
        Op.MOVE,
        Key(Kind.GROUP, ("acme", "it", "sre")),
        old=Key(Kind.GROUP, ("acme", "sre")),
        origin=Origin(anchor=("sre", "unit"), unit="/acme/it/sre"),
    )
    plan = RunPlan("acme", "t", "d", plans=(Plan("keycloak", (change,)),), kept={"/acme/it/sre": 1})
    assert "> /acme/sre → /acme/it/sre, 1 member kept" in text_of(plan_page(plan))


def test_a_directory_rename_reads_without_attribute_names():
    base = "dc=example,dc=org"
    change = Change(
        Op.MOVE,
        Key(Kind.OU, (base, "ou=Qualité et Sûreté")),
        old=Key(Kind.OU, (base, "ou=Qualité")),
        origin=Origin(anchor=("q", "unit"), unit="/Qualité et Sûreté"),
    )
    text = text_of(plan_page(RunPlan("acme", "t", "d", plans=(Plan("ldap", (change,)),))))
    assert "~ Qualité → Qualité et Sûreté, 0 members kept" in text


def test_columns_that_nothing_fills_are_left_out():
    assert Block(columns=("a", "b"), rows=(("1", ""), ("2", ""))).filled().columns == ("a",)


def whole_plan() -> RunPlan:
    return replace(
        run_plan(),
        additive=True,
        titles={"/acme": "Acme SA"},
        policy_waiting=("removals",),
        only="/acme",
        target="ldap",
        part="/acme",
        warnings=(Problem(Place("m.yaml", 3, 1), "rosters.hr", "nobody selected", severity="warning"),),
    )


def test_a_plan_document_gives_the_same_plan_back():
    plan = whole_plan()
    for field in fields(plan):
        if field.default is not MISSING or field.default_factory is not MISSING:
            assert getattr(plan, field.name), f"the sample leaves {field.name} empty"
    assert plan_from_document(json.loads(json.dumps(plan_document(plan)))) == plan


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "report"},
        {"format_version": 2},
        {"plans": [{}]},
        {"plans": None},
        {"stops": [{"x": 1}]},
        {"plans": [{"changes": ["x"]}]},
    ],
)
def test_a_damaged_plan_document_is_refused(damage):
    with pytest.raises(ValueError, match="plan document"):
        plan_from_document(plan_document(run_plan()) | damage)


def test_a_plan_document_keeps_to_its_schema():
    schema = json.loads((GOLDEN / "plan.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plan_document(whole_plan()), schema)


def test_the_loosened_policy_and_the_warnings_are_shown():
    text = text_of(plan_page(whole_plan()))
    assert "policy.removals" in text
    assert "m.yaml:3:1: rosters.hr: nobody selected" in text


def test_a_few_changes_are_shown_each_with_its_line():
    shown = text_of(plan_page(run_plan()))
    assert "Everything else (" in shown
    assert "by unit" not in shown
