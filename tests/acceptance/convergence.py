"""Check 25 on any product: silent where nothing differs; repairs and reports where something does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product


def is_silent(product: Product, sink: MailSink) -> None:
    """A run over a converged state plans nothing, holds nothing, writes nothing and mails nobody."""
    sink.clear()
    before = product.snapshot()
    assert [(one["changes"], one["held"]) for one in product.plan()["plans"]] == [([], []), ([], [])]
    product.apply().ok()
    assert product.snapshot() == before
    assert sink.messages() == []


def repairs(product: Product, who: str, group: str, entry: str) -> None:
    """A member taken out of both servers by hand is planned for first, and comes back."""
    groups, entries = product.held_groups(), product.members(f"{entry},{product.base}")
    take_out(product, who, group, entry)
    changes = planned(product)
    assert [(target, op, kind) for target, op, kind, _ in changes] == [
        ("keycloak", "create", "member"),
        ("ldap", "create", "member"),
    ]
    product.apply().ok()
    assert product.held_groups() == groups
    assert product.members(f"{entry},{product.base}") == entries
    assert product.cli("plan", product.name, "--detailed-exitcode").code == 0


def reports(product: Product, who: str, group: str, entry: str) -> None:
    """A member put into both servers by hand stays, and the plan names it as foreign."""
    put_in(product, who, group, entry)
    foreign = [
        (one["target"], each["key"]["kind"]) for one in product.plan()["plans"] for each in one["foreign"]
    ]
    assert foreign == [("keycloak", "member"), ("ldap", "member")]
    assert planned(product) == []
    before = product.snapshot()
    product.apply().ok()
    assert product.snapshot() == before


def planned(product: Product) -> list[tuple[str, str, str, Any]]:
    """(target, op, kind, key) of every change of a fresh plan, in its order."""
    return [
        (one["target"], change["op"], change["key"]["kind"], change["key"])
        for one in product.plan()["plans"]
        for change in one["changes"]
    ]


def put_in(product: Product, who: str, group: str, entry: str) -> None:
    """Make somebody a member of a Keycloak group and of an LDAP group, past syncd."""
    product.admin("PUT", _membership(product, who, group))
    _modify(product, who, entry, "add")


def take_out(product: Product, who: str, group: str, entry: str) -> None:
    """End somebody's membership in a Keycloak group and in an LDAP group, past syncd."""
    product.admin("DELETE", _membership(product, who, group))
    _modify(product, who, entry, "delete")


def _membership(product: Product, who: str, group: str) -> str:
    return f"users/{product.users()[who]['id']}/groups/{product.groups()[group]['id']}"


def _modify(product: Product, who: str, entry: str, how: str) -> None:
    value = f"{how}: member\nmember: {product.entry(who)}"
    product.ldap(f"dn: {entry},{product.base}\nchangetype: modify\n{value}")
