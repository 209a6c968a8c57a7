"""Checks of what rules name: constraints, administration, invitations, joining, removal, variants."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from syncd.mapping.schema import Settings
from syncd.mapping.suggestions import did_you_mean, meant_or_listed
from syncd.mapping.variants import VariantError, set_at

if TYPE_CHECKING:
    from syncd.mapping.check_report import Keys, Report
    from syncd.mapping.schema import AdministrationRow, Channel, Constraint

PERSON_FIELDS = ("email", "username", "given_name", "family_name", "locale")
ON_PAGE = ("email", "given_name", "family_name")
TARGETED = frozenset({"invite", "create", "add", "remove", "disable", "enable", "transfer"})
SEATS = ("free", "paid")
NOT_OF = {
    "email": frozenset({"binds", "ask_invitee", "verify_email", "revocable", "max_uses", "approval"}),
    "link": frozenset({"ask", "batch"}),
}
"""Keys that say nothing in a channel: an invitation is for one address, and a link is made without any."""


def check_rules(report: Report) -> None:
    """Everything about the rules of the model."""
    for index, constraint in enumerate(report.document.constraints):
        _check_constraint(report, ("constraints", index), constraint)
    for index, row in enumerate(report.document.administration):
        _check_row(report, ("administration", index), row)
    _check_invitations(report)
    _check_leaving(report)
    check_timezone(report, ("settings", "timezone"), report.document.settings.timezone)
    _check_variants(report)


def _check_constraint(report: Report, keys: Keys, constraint: Constraint) -> None:
    if isinstance(constraint.exclusive, tuple):
        report.role_list((*keys, "exclusive"), constraint.exclusive)
    report.role_list((*keys, "separation"), constraint.separation or ())
    for role, needed in (constraint.prerequisite or {}).items():
        report.role((*keys, "prerequisite", role), role, key=True)
        report.role((*keys, "prerequisite", role), needed)
    for role in constraint.cardinality or {}:
        report.role((*keys, "cardinality", role), role, key=True)
    if constraint.separation is not None and not 1 < constraint.n <= len(constraint.separation):
        message = (
            f"separation of {len(constraint.separation)} roles with n: {constraint.n} can never be broken"
        )
        report.error(
            (*keys, "n"), message if constraint.n > 1 else "n is less than 2", "n is how many are too many"
        )
    if constraint.per != "unit":
        report.known((*keys, "per"), (constraint.per,), {*report.document.kinds, "unit"}, "kind")


def _check_row(report: Report, keys: Keys, row: AdministrationRow) -> None:
    report.role((*keys, "by"), row.by)
    for key, roles in (("target", row.target), ("from", row.from_), ("to", row.to)):
        report.role_list((*keys, key), roles)
    if row.scope not in ("same", "below"):
        report.known((*keys, "scope"), (row.scope,), {"same", "below", *report.document.kinds}, "scope")
    _check_acts(report, keys, row)
    if row.if_ and row.if_.setting:
        _check_setting(report, (*keys, "if", "setting"), row.if_.setting, at_value=True)
    if row.if_:
        for where, act in report.items((*keys, "if", "for"), row.if_.for_):
            if act not in row.may:
                report.value(
                    where, f'"{act}" is not among what the row allows', f"it allows {', '.join(row.may)}"
                )


def _check_acts(report: Report, keys: Keys, row: AdministrationRow) -> None:
    """What may be done, and to whom, go together."""
    if not row.may:
        report.value((*keys, "may"), "the row allows nothing", "name what may be done, or delete the row")
    if bool(row.from_) != bool(row.to):
        report.error(keys, "`from` and `to` stand together", "give the other one, or `target` for both")
    if row.from_ and "change" not in row.may:
        report.error((*keys, "from"), "`from` and `to` are for `change`, which the row does not allow")
    if "change" in row.may and not (row.from_ or row.target):
        report.error(
            keys, "`change` does not say from which role to which", "add `from` and `to`, or `target`"
        )
    untargeted = sorted(TARGETED.intersection(row.may))
    if untargeted and not row.target:
        report.error(keys, f"{', '.join(untargeted)}: the row does not say whom", "add `target: [ROLE, …]`")


def _declared_settings(report: Report) -> set[str]:
    named = set(Settings.model_fields) | set(report.document.settings.model_extra or {})
    for _, _, unit in report.document.walk():
        if unit.settings:
            named |= set(unit.settings.model_extra or {})
    return named


def _check_setting(report: Report, keys: Keys, name: str, *, at_value: bool) -> None:
    known = _declared_settings(report)
    if name.partition(".")[0] not in known:
        say = report.value if at_value else report.error
        say(
            keys,
            f'no setting is named "{name}"',
            meant_or_listed(name, known) or "declare it under `settings`",
        )


def _check_invitations(report: Report) -> None:
    invitations, keys = report.document.invitations, ("invitations",)
    if invitations.default_role is not None:
        report.role((*keys, "default_role"), invitations.default_role)
    if invitations.over_quota is not None:
        report.role((*keys, "over_quota", "downgrade_to"), invitations.over_quota.downgrade_to)
    for seat in invitations.seats:
        if seat not in SEATS:
            report.error((*keys, "seats", seat), f'unknown seat "{seat}"', f"one of {', '.join(SEATS)}")
    fills, where = invitations.invitee.sets, (*keys, "invitee", "sets")
    _check_fields(report, where, fills, {"password"})
    if fills and "password" not in fills and invitations.activation == "action_link":
        report.warn(where, "whoever opens the mailed link sets a password in any case", "add `password`")
    for name in ("email", "link"):
        channel: Channel | None = getattr(invitations.channels, name)
        if channel is not None:
            _check_channel(report, (*keys, "channels", name), channel)


def _check_channel(report: Report, keys: Keys, channel: Channel) -> None:
    for name in sorted(channel.model_fields_set & NOT_OF[str(keys[-1])]):
        other = "link" if keys[-1] == "email" else "email"
        report.warn((*keys, name), f"`{name}` has no effect here", f"it belongs to `{other}`")
    _check_fields(report, (*keys, "ask"), channel.ask, {"role", *report.document.kinds})
    for where, name in report.items((*keys, "ask_invitee"), channel.ask_invitee):
        if name not in ON_PAGE:
            report.value(where, f'the page of a link cannot ask for "{name}"', f"one of {', '.join(ON_PAGE)}")
    for where, bound in report.items((*keys, "binds"), channel.binds):
        if bound not in ("role", "issuer", "unit"):
            report.value(where, f'a link cannot bind "{bound}"', "one of role, issuer, unit")


def _check_fields(report: Report, keys: Keys, fields: tuple[str, ...], more: set[str]) -> None:
    known = {*PERSON_FIELDS, *more}
    for where, name in report.items(keys, fields):
        if name not in known and not (name.startswith("attributes.") and name != "attributes."):
            hint = did_you_mean(name, known) or f"one of {', '.join(sorted(known))}, attributes.NAME"
            report.value(where, f'"{name}" cannot be asked for', hint)
        report.attribute(where, name.removeprefix("attributes."))


def _check_leaving(report: Report) -> None:
    """Joining, removal and transfer name roles that exist."""
    joining, removal, transfer = (getattr(report.document, key) for key in ("joining", "removal", "transfer"))
    if joining is not None:
        report.role(("joining", "approvers"), joining.approvers)
        if joining.role != "chosen_by_approver":
            report.role(("joining", "role"), joining.role)
    shared = removal.data.shared if removal.data else None
    if shared is not None and shared.or_chosen is not None:
        report.role(("removal", "data", "shared", "or_chosen"), shared.or_chosen)
    if transfer is not None:
        report.role(("transfer", "role"), transfer.role)
        if transfer.former_becomes is not None:
            report.role(("transfer", "former_becomes"), transfer.former_becomes)


def check_timezone(report: Report, keys: Keys, name: str | None) -> None:
    """The name is one of the IANA time zone database."""
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        hint = did_you_mean(name, available_timezones()) or "for example Europe/Paris"
        report.value(keys, f'there is no time zone "{name}"', hint)


def _check_variants(report: Report) -> None:
    for index, variant in enumerate(report.document.variants):
        keys = ("variants", index)
        for name in variant.if_:
            _check_setting(report, (*keys, "if", name), name, at_value=False)
        for path, value in variant.set.items():
            try:
                set_at(report.document, path, value)
            except VariantError as wrong:
                report.error((*keys, "set", path), wrong.message, wrong.hint)
