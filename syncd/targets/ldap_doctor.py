"""What `doctor` looks at in a directory, before anybody trusts it with a run. Nothing is written.

Whether syncd may write is asked by a change that cannot take effect: removing a value that is not
there. A server that allows it answers "no such attribute", one that does not "insufficient access".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import LoginRefused, NotTrusted, TargetError
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import INSUFFICIENT_ACCESS, NO_SUCH_ATTRIBUTE, Modify, Query
from syncd.model import Check
from syncd.targets.ldap_profile import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.ldapwire.connection import ConnectionSettings
    from syncd.ldapwire.operations import Entry
    from syncd.targets.ldap_profile import LdapProfile

_PAGED = "1.2.840.113556.1.4.319"
_PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105  # an object identifier
_PROBE = f"{MARK}doctor/probe".encode()
_STEPS = {LoginRefused: "login", NotTrusted: "certificate"}


def check(settings: ConnectionSettings, profile: LdapProfile | None = None) -> list[Check]:
    """Every line of `doctor` about one connection and, where given, one output over it."""
    directory = Directory(settings)
    try:
        root = directory.root()
        lines = [*_connection(directory, root)]
        if profile is not None:
            lines += _output(directory, profile, root)
    except TargetError as error:
        return [Check(_STEPS.get(type(error), "connection"), "fail", error.message, error.remedy)]
    finally:
        directory.close()
    return lines


def _connection(directory: Directory, root: Entry) -> Iterator[Check]:
    settings = directory.settings
    secure = directory.connection.url.startswith("ldaps:") or settings.start_tls
    yield Check("connection", "ok", f"{directory.connection.url} answers")
    if secure:
        yield Check("certificate", "ok", "it holds, and names this server")
    else:
        yield Check(
            "certificate",
            "warn",
            "the password travels unencrypted",
            "Use ldaps:// beyond a trial on one machine.",
        )
    yield Check("login", "ok", f"as {settings.bind_dn}")
    if _PAGED in root.texts("supportedControl"):
        yield Check("server", "ok", _kind(root))
    else:
        yield Check(
            "server",
            "warn",
            f"{_kind(root)}, which does not page results",
            "A directory above the server's size limit cannot be read whole; raise it for this account.",
        )


def _kind(root: Entry) -> str:
    """The server by name, from the rootDSE (RFC 3045; OpenLDAP shows its object class instead)."""
    if root.text("vendorName") or root.text("vendorVersion"):
        return f"{root.text('vendorName')} {root.text('vendorVersion')}".strip()
    if "OpenLDAProotDSE" in root.texts("objectClass"):
        return "OpenLDAP"
    return (
        "Active Directory or compatible"
        if root.text("dsServiceName")
        else "a server that does not say its name"
    )


def _output(directory: Directory, profile: LdapProfile, root: Entry) -> Iterator[Check]:
    for name, base in (("base", profile.base), ("people_base", profile.people_base)):
        yield _place(directory, name, base)
    yield _write(directory, profile.base)
    if profile.manages_people:
        yield _write(directory, profile.people_base, "write people")
        yield _locking(root)


def _place(directory: Directory, name: str, base: str) -> Check:
    """Whether it is there and can be read whole, which limits of the server may forbid."""
    try:
        entry = directory.entry(base, ("entryUUID",))
        if entry is None:
            return Check(
                name,
                "fail",
                f"{base} does not exist, or {directory.settings.bind_dn} may not see it",
                f"Create it, or correct {name} of the LDAP output.",
            )
        found = directory.search(Query(base, attributes=("entryUUID",), ignore_references=True))
    except TargetError as error:
        return Check(name, "fail", error.message, error.remedy)
    blind = next((inner.dn for inner in found if not inner.attributes), "")
    if blind:
        return Check(
            name,
            "fail",
            f"{blind} shows no entryUUID",
            f"Allow {directory.settings.bind_dn} to read entryUUID; syncd knows entries by it.",
        )
    return Check(name, "ok", f"{base} with {len(found) - 1} entries, read whole")


def _write(directory: Directory, base: str, name: str = "write") -> Check:
    probe = Modify(base, (("delete", "businessCategory", (_PROBE,)),))
    try:
        reply = next(directory.write([probe]))
    except TargetError as error:
        return Check(name, "fail", error.message, error.remedy)
    bind_dn = directory.settings.bind_dn
    if reply.code == NO_SUCH_ATTRIBUTE:
        return Check(name, "ok", f"{bind_dn} may write at {base}")
    if reply.code == INSUFFICIENT_ACCESS:
        return Check(
            name,
            "fail",
            f"{bind_dn} may not write at {base}",
            f"Allow it to write {base} and all that is below.",
        )
    return Check(name, "warn", f"whether {bind_dn} may write at {base} is not known: {reply.reason}")


def _locking(root: Entry) -> Check:
    if _PASSWORD_POLICY in root.texts("supportedControl"):
        return Check("locking", "ok", "the server has a password policy, so accounts can be locked")
    return Check(
        "locking",
        "warn",
        "the server shows no password policy; a disabled person cannot be locked here",
        "Load the policy overlay (OpenLDAP: ppolicy).",
    )
