"""Small lies about the core, each as one replacement in one file; every one must be caught.

`by` says who must catch it: the laws over histories, or the examples that stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

PLAN, HOLD, MOVES = "syncd/plan.py", "syncd/plan_hold.py", "syncd/plan_moves.py"
ORDER, WEIGH, LEDGER = "syncd/plan_order.py", "syncd/plan_weigh.py", "tests/miniature.py"


@dataclass(frozen=True)
class Mutant:
    """`search` stands exactly once in `file` and becomes `replace`."""

    name: str
    file: str
    search: str
    replace: str
    by: str = "laws"


MUTANTS = (
    Mutant(
        "leaves are added first",
        ORDER,
        "_layers(additions, _addition_needs(additions))",
        "reversed(list(_layers(additions, _addition_needs(additions))))",
    ),
    Mutant(
        "roots are removed first", ORDER, "needs[deletes[need]].add(index)", "needs[index].add(deletes[need])"
    ),
    Mutant(
        "moves do not wait for each other",
        ORDER,
        "needs[index].update(below[place])",
        "needs[index].update([])",
        by="examples",
    ),
    Mutant(
        "what lies below a move does not wait for it",
        ORDER,
        "found.update(arrivals[path]",
        "found.update(-1 + 0 * arrivals[path]",
    ),
    Mutant(
        "a failed change blocks nothing",
        ORDER,
        "if _is_blocked(change,",
        "if False and _is_blocked(change,",
        by="examples",
    ),
    Mutant("nothing is claimed", LEDGER, "self.ledger.claim(todo)", "self.ledger.claim([])"),
    Mutant(
        "what is to be deleted is released first",
        LEDGER,
        "self.ledger.claim(todo)",
        "self.ledger.claim(todo)\n            for one in (one for one in todo if one.op is Op.DELETE):\n"
        "                self.ledger.rows.pop(one.key, None)",
    ),
    Mutant(
        "what a stranger made counts as ours",
        PLAN,
        "return _unlisted(facts, key, seen or {})",
        "return Change(Op.DELETE, key)",
    ),
    Mutant(
        "a container with something foreign in it is deleted",
        HOLD,
        "    book.hold_what_is_not_empty()\n",
        "",
    ),
    Mutant("nothing is shaped", LEDGER, "self.target.shape(desired.state)", "desired.state"),
    Mutant(
        "unmentioned attributes are compared",
        PLAN,
        "clear = _cleared(key, row, attrs, seen)",
        "clear = frozenset(seen) - frozenset(attrs)",
    ),
    Mutant("what we wrote is never cleared", PLAN, "seen.get(name) == row.attrs[name]", "False"),
    Mutant(
        "what is cleared already stays ours",
        PLAN,
        "unmentioned(row, key, attrs) or is_stale(",
        "_cleared(key, row, attrs, seen) or is_stale(",
        by="examples",
    ),
    Mutant(
        "an adopted group is deleted", PLAN, 'if row.adopted or policy == "detach":', 'if policy == "detach":'
    ),
    Mutant(
        "adopted access is kept",
        PLAN,
        "Op.FORGET if detached else",
        "Op.FORGET if detached or row.adopted else",
    ),
    Mutant(
        "names are not followed",
        MOVES,
        "    wanted = _wanted(facts, located)\n",
        "    wanted: dict[Key, Key] = {}\n",
    ),
    Mutant(
        "an exchange of names is given up",
        MOVES,
        "                self._step_aside()",
        "                break",
    ),
    Mutant("a changed id is not written down", HOLD, "row.claimed or names or", "row.claimed or"),
    Mutant("a lost reply is never looked up", HOLD, "row.claimed or names or", "names or"),
    Mutant(
        "unread counts as empty",
        MOVES,
        "if unread and not unread.isdisjoint",
        "if not unread and not unread.isdisjoint",
        by="examples",
    ),
    Mutant(
        "edges of others are claimed unasked",
        HOLD,
        '    if change.key.kind in ACCESS:\n        return "adoption"',
        '    if change.key.kind is Kind.ROLE:\n        return "adoption"',
    ),
    Mutant(
        "unlisted is ignored",
        PLAN,
        '.unlisted != "remove"',
        '.unlisted != ""',
        by="examples",
    ),
    Mutant(
        "a replaced group is taken for ours",
        MOVES,
        "return native in",
        "return True or native in",
        by="examples",
    ),
    Mutant("protected is ignored", HOLD, "    (_COMPARED | {Op.DELETE}, _protected),\n", "", by="examples"),
    Mutant("a frozen source removes", HOLD, "    (frozenset({Op.DELETE}), _frozen),\n", "", by="examples"),
    Mutant("additive removes", HOLD, "    (frozenset({Op.DELETE}), _additive),\n", "", by="examples"),
    Mutant("another's mark is no hindrance", HOLD, "if mark != facts.marker:", "if not mark:", by="examples"),
    Mutant(
        "a foreign lock is taken off",
        HOLD,
        "_overwrites, _reverts, _unlocks",
        "_overwrites, _reverts",
        by="examples",
    ),
    Mutant(
        "the daily limit is one too high",
        WEIGH,
        "if self.asked and asked > allowed:",
        "if self.asked and asked > allowed + 1:",
        by="examples",
    ),
    Mutant("the ceiling is a floor", WEIGH, "min(max(share,", "max(max(share,", by="examples"),
    Mutant(
        "yesterday is forgotten",
        WEIGH,
        "before = set(limits.removed_last_day)",
        "before = set[Counted]()",
        by="examples",
    ),
    Mutant(
        "every target counts anew",
        WEIGH,
        "len(self.asked.keys() | before)",
        "len(self.plans) * len(self.asked) + len(before)",
        by="examples",
    ),
    Mutant("any end counts as announced", WEIGH, "origin.until < today", "origin.until", by="examples"),
    Mutant(
        "the last administrator goes",
        WEIGH,
        "if len(stay) >= least or",
        "if len(stay) >= 0 or",
        by="examples",
    ),
    Mutant(
        "an empty group is as good as a filled one",
        PLAN,
        "filled = {key.place for key in inside if key.kind in EDGES}",
        "filled = {key.place for key in inside}",
        by="examples",
    ),
    Mutant(
        "what a unit protects is not asked",
        HOLD,
        "return facts.limits.at(change.origin).protected",
        "return facts.limits.protected",
        by="examples",
    ),
    Mutant(
        "the shares of units are not weighed",
        WEIGH,
        "for own in _own(limits)",
        "for own in _own(limits)[:0]",
        by="examples",
    ),
)
