"""Inviting, wired: the inviter of a mapping, whom its files invite, and the way out for notices."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from syncd.acts import Lock, Notice
from syncd.app import connections
from syncd.errors import Stale
from syncd.invitations import Invitee
from syncd.inviting import Inviter, Letter, language_of, mailed_actions, rules_of
from syncd.mapping import limits
from syncd.membership_joins import lapse
from syncd.notify import Hook, NotDelivered, Outbox, SmtpSettings, tell
from syncd.reasons import EVENTS
from syncd.schedule import LONGEST_PAUSE, retry_at
from syncd.settings import SettingsInvalid
from syncd.targets.keycloak_directory import KeycloakDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import MappingDocument
    from syncd.model import Mailed
    from syncd.prepare import Job, Prepared
    from syncd.settings import Settings
    from syncd.store import Store

MOST_TRIES = 5
CUT_OFF = timedelta(minutes=15)
"""A notice that is on its way for longer has no sender any more: no server is waited for so long."""
SPENT = frozenset({"token", "url"})
"""What only the mail itself may say once it has left."""
DECLARED = frozenset({"file", "roster"})


def new_id(prefix: str) -> str:
    """A random id of a record."""
    return f"{prefix}_{secrets.token_hex(8)}"


def now() -> datetime:
    """The clock of acts."""
    return datetime.now(UTC)


def inviter_of(settings: Settings, name: str, loaded: Loaded, store: Store) -> Inviter | None:
    """The inviter of a mapping; None where it has no Keycloak, so nobody can be invited."""
    document = loaded.document
    connection = connections.keycloak_of(settings, document)
    if not connection:
        return None
    output = document.keycloak or None
    realm = (output.realm if output else None) or ""
    server = connections.keycloak_settings(settings, connection)

    @lru_cache(maxsize=1)
    def connect() -> KeycloakDirectory:
        may_write = partial(store.may_write, name)
        return KeycloakDirectory(
            connections.keycloak_connection(settings, connection, realm=realm, may_write=may_write)
        )

    policy = limits.overlay(limits.operator_policy(settings.mappings[name].policy), document.policy)
    per_day = policy.mails.per_day if policy.mails else None
    return Inviter(
        mapping=name,
        store=store,
        connect=connect,
        rules=rules_of(document.invitations, per_day, settings.mail_rule, now()),
        letter=_letter(document, store, f"{server.url.rstrip('/')}/realms/{realm or server.realm}/account"),
        now=now,
        new_id=new_id,
    )


def _letter(document: MappingDocument, store: Store, login: str) -> Letter:
    titles = {unit.id or "/" + "/".join(path): (unit.title, path[-1]) for path, _, unit in document.walk()}
    language = document.settings.language or "en"

    def unit(uid: str, locale: str) -> str:
        title, name = titles.get(uid, ({}, uid.rpartition("/")[2]))
        return _in(title, locale or language) or name

    def role(name: str, locale: str) -> str:
        model = document.roles.get(name)
        return _in(model.title if model else {}, locale or language) or name.rpartition("/")[2]

    def inviter(by: str) -> str:
        if not by or by.startswith("operator:"):
            return ""
        person = next((one for one in store.persons() if one.id == by), None)
        return min(person.addresses, default="") if person else ""

    invitations = document.invitations
    return Letter(
        unit=unit,
        role=role,
        inviter=inviter,
        actions=mailed_actions(invitations),
        client=invitations.client or "",
        redirect=invitations.redirect or "",
        login=login,
        language=language,
    )


def _in(title: Mapping[str, str], language: str) -> str:
    return title.get(language) or title.get("") or title.get("en") or next(iter(title.values()), "")


def advance(settings: Settings, inviter: Inviter | None, job: Job, prepared: Prepared) -> list[Mailed]:
    """Invite whom the files name, do the next step of every invitation, let notices leave.

    Requests to join that nobody answered in time end here.
    """
    mails = _invited(inviter, prepared, job.files.compiled) if inviter else []
    end_locks(job.store, job.mapping, prepared)
    lapse(job.store, job.mapping, job.files.compiled, prepared.people, now())
    send_notices(settings, job.store, job.mapping)
    return mails


def _invited(inviter: Inviter, prepared: Prepared, compiled: Compiled) -> list[Mailed]:
    inviter.declare(invitees(prepared, compiled))
    named = {prepared.people.ids.get(one.who, "") for one in compiled.assignments if one.source in DECLARED}
    units = {uid for unit in compiled.units.values() for uid in (unit.uid, *unit.former)}
    return inviter.advance(frozenset(named), frozenset(units))


def invitees(prepared: Prepared, compiled: Compiled) -> Iterator[Invitee]:
    """The people whom the files name with `unknown: invite` and whom Keycloak does not know; each once."""
    seen: set[str] = set()
    people = prepared.people
    for one in compiled.given:
        person = people.ids.get(one.who, "")
        entry = compiled.people.get(one.who)
        unknown = (person, "keycloak") not in people.accounts and one.who not in people.held
        if one.unknown != "invite" or not person or person in seen or not unknown or entry is None:
            continue
        if entry.email and one.source in DECLARED:
            seen.add(person)
            unit = compiled.units[one.unit].uid
            yield Invitee(
                person,
                entry.email,
                unit,
                one.role,
                language_of(compiled.models[one.unit[0]].document, entry.locale),
                entry.given_name,
                entry.family_name,
                entry.username,
                entry.attributes,
            )


def locked(store: Store, mapping: str, state: str) -> frozenset[str]:
    """The persons whose lock stands so: `disabled`, or `enabled` until every account shows it."""
    return frozenset(lock.person for lock in store.acts.all(Lock, mapping) if lock.state == state)


def end_locks(store: Store, mapping: str, prepared: Prepared) -> None:
    """A lock that an act lifted is over once every account is open: from then on drift never unlocks."""
    for lock in store.acts.all(Lock, mapping):
        accounts = [one for (person, _), one in prepared.people.accounts.items() if person == lock.person]
        if lock.state == "enabled" and all(account.enabled for account in accounts):
            store.acts.save(replace(lock, state="ended"))


def send_notices(settings: Settings, store: Store, mapping: str) -> None:
    """Let the notices leave that acts wrote."""
    let_leave(settings, store, [one for one in to_leave(store, mapping) if not for_operators(one)])


def to_leave(store: Store, mapping: str | None) -> list[Notice]:
    """The notices of a mapping, or of all, that nobody is sending; those of a dead sender among them."""
    return [*_cut_off(store, mapping), *store.acts.all(Notice, mapping, state="waiting")]


def for_operators(notice: Notice) -> bool:
    """Whether a notice tells how a mapping or syncd.yaml is, and not what somebody did."""
    return notice.about in EVENTS


def let_leave(settings: Settings, store: Store, waiting: Sequence[Notice]) -> None:
    """Send notices: each is claimed before it is sent, and kept with its result.

    One with an address is a mail, one without is for applications. Each leaves at least once: one whose
    sender died leaves again, as the same mail or webhook by its id.

    Raises `SettingsInvalid` for a secret that is missing, once what does not need it has left.
    """
    missing: SettingsInvalid | None = None
    for notice in waiting:
        try:
            send = _way(settings, notice)
        except SettingsInvalid as error:
            missing = error
        else:
            if send is not None:
                _send(store, notice, send)
    if missing is not None:
        raise missing


def unsent(settings: Settings) -> str:
    """Why no mail of syncd's own leaves; empty where they do."""
    if settings.smtp is None:
        return "syncd.yaml names no mail server (smtp)"
    return "mails are held (mail: hold in syncd.yaml)" if settings.mail_rule.mode == "hold" else ""


def outbox(settings: Settings) -> Outbox | None:
    """The way out for mails; None where there is none."""
    smtp = settings.smtp
    if smtp is None:
        return None
    password = settings.secret(smtp.password).get_secret_value() if smtp.password else ""
    return Outbox(
        SmtpSettings(smtp.host, smtp.port, smtp.from_, smtp.username or "", password, smtp.start_tls)
    )


def _way(settings: Settings, notice: Notice) -> Callable[[Notice], None] | None:
    """How a notice leaves, by the secrets that it needs and no others; None where it may not now."""
    if not notice.to:
        to_hooks = _hooks(settings, notice)
        return lambda claimed: tell(claimed, to_hooks, now())
    way = outbox(settings) if _may_go(settings, notice) else None
    return way.send if way is not None else None


def _hooks(settings: Settings, notice: Notice) -> list[Hook]:
    """The receivers of a webhook, with their secrets."""
    named = ((one, Hook(one.url, events=tuple(one.events))) for one in settings.webhooks)
    return [
        replace(hook, secret=settings.secret(one.secret).get_secret_value()) if one.secret else hook
        for one, hook in named
        if hook.takes(notice)
    ]


def _may_go(settings: Settings, notice: Notice) -> bool:
    """Whether a mail may leave now; operators have named their own addresses in syncd.yaml."""
    rule, domain = settings.mail_rule, notice.to.rpartition("@")[2].lower()
    is_open = rule.mode != "hold" and (rule.only is None or domain in {one.lower() for one in rule.only})
    return is_open or for_operators(notice)


def _cut_off(store: Store, mapping: str | None) -> list[Notice]:
    sending, last = store.acts.all(Notice, mapping, state="sending"), now() - CUT_OFF
    return [one for one in sending if one.sending_at is None or one.sending_at <= last]


def _send(store: Store, notice: Notice, send: Callable[[Notice], None]) -> None:
    with suppress(Stale):  # another process sends it, or thought that this one had died
        if notice.attempts >= _most_tries(notice):
            store.acts.save(
                replace(_over(notice, "failed"), reason="cut off while it was sent, the last time too")
            )
            return
        claim = replace(notice, state="sending", attempts=notice.attempts + 1, sending_at=now())
        claimed = store.acts.save(claim)
        store.acts.save(_sent(claimed, send))


def _sent(claimed: Notice, send: Callable[[Notice], None]) -> Notice:
    """The notice after a try."""
    try:
        send(claimed)
    except NotDelivered as error:
        again = error.temporary and claimed.attempts < _most_tries(claimed)
        due = retry_at(claimed.attempts, now(), None) if again else None
        after = replace(claimed, state="waiting", retry_at=due) if again else _over(claimed, "failed")
        return replace(after, reason=str(error))
    return replace(_over(claimed, "sent"), reason="")


def _most_tries(notice: Notice) -> int:
    """An operator's notice outlives a mail server that is away for a day; what people did goes with runs."""
    return timedelta(days=1) // LONGEST_PAUSE if for_operators(notice) else MOST_TRIES


def _over(notice: Notice, state: str) -> Notice:
    """The notice once no mail is to leave any more: whoever reads the store later cannot use what it said."""
    return replace(
        notice, state=state, values={name: text for name, text in notice.values.items() if name not in SPENT}
    )
