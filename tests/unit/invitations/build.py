"""One invitation in each state, and the situations in which it may be found, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from syncd.acts import Invitation, InvitationState
from syncd.invitations import Budget, Rules, Seen, Step, next_step

S = InvitationState
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ADDRESS = "ann@acme.example"
RULES = Rules(valid_for=10 * DAY)
ALL_NOTICES = frozenset({"accepted", "expired", "declined", "cancelled", "failed"})

NEW = Seen("a1", pending_action=True, address=ADDRESS)
IN_USE = Seen("a1", credential=True, foreign=True, address=ADDRESS)
NONE = Seen()

_BASE = Invitation(
    "i_1",
    "acme",
    person="p_ann",
    address=ADDRESS,
    unit="u_1",
    role="member",
    by="p_inviter",
    attempt=1,
    asked_at=NOW - HOUR,
    account="a1",
    made_account=True,
)
_SENT = {"sending_at": NOW - 10 * MINUTE, "sent_at": NOW - 10 * MINUTE, "expires_at": NOW + 10 * DAY}
_LONG_SENT = {"sending_at": NOW - 11 * DAY, "sent_at": NOW - 11 * DAY, "expires_at": NOW - HOUR}
_OF_STATE: Mapping[InvitationState, Mapping[str, Any]] = {
    S.REQUESTED: {"attempt": 0},
    S.SENDING: {"sending_at": NOW - 10 * MINUTE},
    S.SENT: _SENT,
    S.ACCEPTED: {**_SENT, "ended_at": NOW - MINUTE},
    S.DECLINED: {**_SENT, "ended_at": NOW - MINUTE},
    S.EXPIRED: {**_LONG_SENT, "ended_at": NOW - HOUR},
    S.CANCELLED: {**_SENT, "ended_at": NOW - MINUTE},
    S.FAILED: {
        "sending_at": NOW - 10 * MINUTE,
        "retry_at": NOW - MINUTE,
        "reason": "mail server down",
        "failures": 1,
    },
}


def invitation(state: InvitationState, **changes: Any) -> Invitation:
    """An invitation as it stands in a state after an ordinary life."""
    return replace(_BASE, state=state, **{**_OF_STATE[state], **changes})


@dataclass(frozen=True)
class Situation:
    """How the invitation, Keycloak and the rules differ from the ordinary."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    seen: Seen = NEW
    wanted: bool = True
    rules: Rules = RULES
    budget: Budget = field(default_factory=Budget)

    def step(self, state: InvitationState) -> Step:
        """What is to be done."""
        return next_step(
            invitation(state, **self.changes), self.seen, self.wanted, NOW, self.rules, self.budget
        )


def table(file: str) -> dict[str, dict[str, str]]:
    """A table written by hand: cell by row and state."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    _, *states = [cell.strip() for cell in lines[0].split("|")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines[1:]]
    return {name: dict(zip(states, cells, strict=True)) for name, *cells in rows}
