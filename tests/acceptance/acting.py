"""Acts through the real command line, and what people see of them: verdicts, mails, invitations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.acceptance.product import Product
from tests.live.directory.invitee import Invitee

if TYPE_CHECKING:
    from deploy.local.servers import MailSink
    from tests.system.site import Answer

CODE = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])")
LONG_PASSWORD = "a Password of 25 signs !1"


def with_notices(product: Product, sink: MailSink) -> Product:
    """Let syncd's own notices leave, into the sink; invitations go out by Keycloak anyway."""
    text = product.config.read_text("utf-8")
    if "\nsmtp:" not in text:
        smtp = f"{{host: {sink.smtp_host}, port: {sink.smtp_port}, from: syncd@notices.example}}"
        product.config.write_text(f"{text}\nsmtp: {smtp}\n", "utf-8")
    sink.clear()
    return product


def act(product: Product, *words: str, as_: str = "") -> Answer:
    """Do something on behalf of a person."""
    behalf = ("--as", as_) if as_ else ()
    return product.cli("--output", "json", *words, "--mapping", product.name, *behalf)


def done(product: Product, *words: str, as_: str = "") -> list[dict[str, Any]]:
    """The verdicts of an act that is allowed, and whose run did everything."""
    verdicts: list[dict[str, Any]] = act(product, *words, as_=as_).ok().json["verdicts"]
    assert all(verdict["allowed"] for verdict in verdicts)
    return verdicts


def refused(product: Product, *words: str, as_: str = "") -> str:
    """Why an act is refused; nothing was written to either server."""
    before = product.snapshot()
    answer = act(product, *words, as_=as_)
    assert answer.code == 3, f"exit {answer.code}\n{answer.out}\n{answer.err}"
    assert product.snapshot() == before
    (verdict,) = answer.json["verdicts"]
    assert not verdict["allowed"]
    return str(verdict["detail"])


def invitations(product: Product) -> dict[str, dict[str, Any]]:
    """The invitations that are not over, by address."""
    answer = product.cli("--output", "json", "invitations", "list", product.name).ok()
    return {one["who"]: one for one in answer.json["invitations"]}


def mails_to(sink: MailSink, address: str) -> list[dict[str, Any]]:
    """What arrived for one address, oldest first."""
    return [mail for mail in sink.messages() if mail["to"] == [address]]


def code_in(mail: dict[str, Any]) -> str:
    """The code that a mail asks to confirm with: 256 bits, as base64url."""
    found = CODE.search(mail["text"])
    assert found is not None, mail["text"]
    return found[0]


def accept(product: Product, sink: MailSink, address: str) -> None:
    """Open the newest link to the address and finish; a run then takes note."""
    link = mails_to(sink, address)[-1]["links"][0]
    assert Invitee().accept(link, password=LONG_PASSWORD).done
    product.apply().ok()


def invited(  # noqa: PLR0913, PLR0917 - who asks whom, into what, and where the mail arrives
    product: Product, sink: MailSink, unit: str, address: str, role: str, as_: str
) -> None:
    """Somebody who was invited by an act, and has accepted."""
    done(product, "invitations", "send", unit, address, "--role", role, as_=as_)
    accept(product, sink, address)
