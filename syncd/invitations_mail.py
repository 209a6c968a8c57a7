"""Whether a mail of an invitation may leave: its address, the operator's mode, what left today. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.invitations_words import Nothing

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.acts import Invitation
    from syncd.invitations_words import Budget, Rules


def unwelcome(invitation: Invitation, rules: Rules) -> str:
    """Why this address is not invited at all; empty when it may be."""
    if "@" not in invitation.address:
        return "no address to invite; give the person one in `people` or in the roster"
    if rules.domains and not _is_within(invitation.address, rules.domains):
        return f"{_domain(invitation.address)} is not among the allowed domains (invitations.domains)"
    return ""


def without_mail(invitation: Invitation, rules: Rules, budget: Budget) -> Nothing | None:
    """Why no mail may leave now, or None."""
    if rules.mail_mode == "hold":
        return Nothing("mails are held (mail: hold in syncd.yaml)")
    if rules.mail_mode == "only" and not _is_within(invitation.address, rules.mail_domains):
        return Nothing(f"mails to {_domain(invitation.address)} are held (mail: only in syncd.yaml)")
    counts = (
        (budget.sent_today_person, rules.per_person_per_day, "to this person", "invitations.limits"),
        (budget.sent_today_unit, rules.per_unit_per_day, "from this unit", "invitations.limits"),
        (budget.sent_today, rules.per_day, "from this mapping", "policy.mails"),
    )
    for count, limit, whose, where in counts:
        if limit is not None and count >= limit:
            return Nothing(f"{count} of {limit} mails a day {whose} are used up ({where})", budget.renews)
    return None


def _is_within(address: str, domains: Collection[str]) -> bool:
    return _domain(address) in {domain.lstrip("@").encode().lower().decode() for domain in domains}


def _domain(address: str) -> str:
    return address.rpartition("@")[2].encode().lower().decode()
