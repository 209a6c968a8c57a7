"""`syncd status`: how mappings stand, what invitations wait for, and how the daemon beside us is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.locale import gettext as _
from syncd.locale import mark, number
from syncd.locale.told import told
from syncd.render.page import Block, Page, Tone
from syncd.render.people import state
from syncd.render.tables import moment, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.app_types import DaemonStanding, MappingStatus

NOTHING = "-"
STATES = {
    "held": mark("waiting for an operator"),
    "stopped": mark("stopped by a limit"),
    "failing": mark("failing"),
    "invalid": mark("invalid, by its files"),
    "stale": mark("not run any more"),
}


def status_page(rows: Sequence[MappingStatus], daemon: DaemonStanding | None, address: str) -> Page:
    """Mappings, then the daemon that was asked at `address`, None where none answered."""
    if not rows:
        return (Block(lines=(_("There is no mapping."),)), *_daemon(daemon, address))
    return (_mappings(rows), *_behind(rows), *_reasons(rows), *_invitations(rows), *_daemon(daemon, address))


def _mappings(rows: Sequence[MappingStatus]) -> Block:
    headings = (
        _("mapping"), _("last run"), _("result"), _("last success"), _("differed"),
        _("pending"), _("held"), _("stopped"), _("people"), _("owned"),
    )  # fmt: skip
    cells = tuple(
        (
            row.name,
            moment(row.last_run) or _("never"),
            word(row.last_result),
            moment(row.last_success) or _("never"),
            *map(number, (row.drift, row.pending, row.held, row.stopped, row.people, row.owned)),
        )
        for row in rows
    )
    return Block(columns=headings, rows=cells)


def _behind(rows: Sequence[MappingStatus]) -> Page:
    """The parts of mappings whose newest run did not end well: the others went on without them."""
    cells = tuple((row.name, ", ".join(row.behind)) for row in rows if row.behind)
    return (Block(_("Behind"), (_("mapping"), _("root units")), cells, tone=Tone.WARN),) if cells else ()


def _reasons(rows: Sequence[MappingStatus]) -> Page:
    """The mappings that a daemon did not find well, and whether an operator knows."""
    headings = (_("mapping"), _("it is"), _("because of"), _("since"), _("operators told"))
    cells = tuple(
        (
            row.name,
            _(STATES[row.reason]),
            ", ".join(row.about) or NOTHING,
            moment(row.since),
            moment(row.told) or _("nobody"),
        )
        for row in rows
        if row.reason not in ("", "well")
    )
    return (Block(_("Not well"), headings, cells, tone=Tone.WARN),) if cells else ()


def _invitations(rows: Sequence[MappingStatus]) -> Page:
    states = [one for one in rows[0].invitations if any(row.invitations.get(one) for row in rows)]
    if not states:
        return ()
    headings = (_("mapping"), *map(state, states))
    cells = tuple(
        (row.name, *(number(row.invitations[one]) for one in states))
        for row in rows
        if any(row.invitations.values())
    )
    return (Block(_("Invitations"), headings, cells),)


def _daemon(daemon: DaemonStanding | None, address: str) -> Page:
    if daemon is None:
        return (
            Block(
                lines=(_("No daemon over this syncd.yaml answers at {address}.").format(address=address),),
                tone=Tone.DIM,
            ),
        )
    role = _("it says when mappings run") if daemon.leader else _("another one says when mappings run")
    queue = state("unknown") if daemon.queue is None else number(daemon.queue)
    said = _("{role}; waiting to run: {queue}").format(role=role, queue=queue)
    title = _("Daemon {version} at {address}").format(version=daemon.version, address=daemon.address)
    problems = tuple((name, told(problem)) for name, problem in sorted(daemon.problems.items()))
    block = Block(title, rows=problems, lines=(said,), tone=Tone.WARN if problems else Tone.PLAIN)
    if not daemon.requests:
        return (block,)
    headings = (_("server"), _("request"), _("answer"), _("how many"))
    cells = tuple(
        (target, op, NOTHING if result == "none" else result, number(count))
        for target, op, result, count in daemon.requests
    )
    return (block, Block(_("Requests since its start"), headings, cells))
