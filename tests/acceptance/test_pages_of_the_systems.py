"""The pages of the five systems, as a new user follows them: each command as printed, each mail opened."""

from __future__ import annotations

import shlex
from contextlib import chdir
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.acting import CODE, code_in, mails_to, with_notices
from tests.acceptance.product import PASSWORD
from tests.acceptance.test_acts_datasud import forgotten, registered
from tests.live.directory.invitee import Invitee
from tests.unit.docs.pages import REPOSITORY, SYSTEMS, blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product
    from tests.system.site import Answer

# Which groups those who came by the page are in at its end, in Keycloak; in LDAP there are as many or more.
END = {
    "dastra": {"ada.noiret@ormeval.example": {"/ormeval/portugal/reader"}},
    "docspace": {
        "nils.aubert@tilleul.example": {"/tilleul/owner"},
        "helene.marceau@tilleul.example": {"/tilleul/docspace_admin"},
    },
    "universign": {
        "ugo.vidal@quai-est.example": {
            "/quai-est/owner",
            *(f"/quai-est/{folder}/granted" for folder in ("default", "leases", "board")),
        },
    },
    "todoist": {
        "mia.keller@fanal.example": {"/fanal/admin"},
        "gil.orsini@fanal.example": {"/fanal/autumn-list/guest"},
    },
    "datasud": {"axel.ruiz@town.example": {"/lagune/brisemont/editor", "/lagune/shoreline/editor"}},
}
GONE = {"docspace": "lou.ferre@tilleul.example"}
HEAVY = {"dastra", "universign", "todoist", "datasud"}


def commands(page: Path) -> list[str]:
    """The command lines of a page's blocks, in their order."""
    shown = [block.text for block in blocks(page) if block.language == "sh"]
    return [line for text in shown for line in text.replace("\\\n", " ").splitlines()]


def page_of(name: str, language: str) -> Path:
    return REPOSITORY / "docs" / language / "systems" / f"{name}.md"


@dataclass
class Reader:
    """Who follows the page with a browser and an inbox at hand."""

    site: Product
    sink: MailSink
    opened: set[str] = field(default_factory=set)

    def follow(self, line: str) -> Answer:
        """Do what the line says, and before it what the text around it says of mails."""
        words = shlex.split(line)
        assert words.pop(0) == "syncd"
        if words[:2] == ["joins", "request"]:
            registered(self.site, words[3])
        if "--as" in words:
            self._open(words[words.index("--as") + 1])
        if words[0] == "apply":
            for address in [one for mail in self.sink.messages() for one in mail["to"]]:
                if address.partition(".")[0] in NEWCOMERS:
                    self._open(address)
            words.append("--yes")  # there is no terminal to ask at
        if "--admin-client-id" in words:
            words[words.index("--admin-client-id") + 1] = self.site.keycloak.admin_client_id
        return self.site.cli(*words, answer=self._code() if words[-1] == "-" else "")

    def _open(self, address: str) -> None:
        """Open the mail of an invitation, or go by the forgotten password, and choose a password."""
        mails = mails_to(self.sink, address)
        links = [link for mail in mails for link in mail["links"] if "key=" in link]
        if address in self.opened or not mails:
            return
        self.opened.add(address)
        if links:
            assert Invitee().accept(links[0], password=PASSWORD).done
        elif self.site.name == "datasud" and self._waits(address):
            realm: dict[str, Any] = self.site.admin("GET", "")
            self.site.admin("PUT", "", {**realm, "resetPasswordAllowed": True})
            browser = forgotten(self.site, address)
            link = mails_to(self.sink, address)[-1]["links"][0]
            assert not browser.accept(link, password=PASSWORD).errors
        else:
            return
        settled(self.site)

    def _waits(self, address: str) -> bool:
        return not self.site.admin("GET", f"users/{self.site.users()[address]['id']}/credentials")

    def _code(self) -> str:
        newest = next(mail for mail in reversed(self.sink.messages()) if CODE.search(mail["text"]))
        return f"{code_in(newest)}\n"


NEWCOMERS = {"ada", "nils", "lou", "ugo", "mia", "gil", "lena"}


@pytest.mark.live
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full if name in HEAVY else ()) for name in SYSTEMS]
)
def test_every_command_of_a_page_works_as_printed(
    product: Callable[..., Product], mail_sink: MailSink, name: str
) -> None:
    mail_sink.clear()
    site = product(name, as_shipped=True)
    mailed = mail_sink.messages()
    with_notices(site, mail_sink)
    reader = Reader(site, mail_sink)
    reader.opened |= {address for mail in mailed for address in mail["to"]} - set(actors(name))
    for address in actors(name):
        open_first(site, mailed, address)
        reader.opened.add(address)
    settled(site)
    (site.folder / "admin-secret").write_text(site.keycloak.admin_client_secret, "utf-8")
    (site.folder / "mappings").symlink_to(site.folder)
    with chdir(site.folder):
        for line in commands(page_of(name, "en")):
            answer = reader.follow(line)
            assert answer.code == 0, f"{line}: exit {answer.code}\n{answer.out}\n{answer.err}"
    for who, groups in END[name].items():
        assert site.groups_of(who) == groups
        assert len(site.entry_groups_of(who)) >= len(groups)
    assert GONE.get(name) not in site.users()


def settled(site: Product) -> None:
    """A run after somebody has accepted; where that is more privileged roles than one run gives, approved."""
    answer = site.apply()
    if answer.code == 3:
        plans = site.cli("--output", "json", "plans", "list").ok().json["plans"]
        site.cli("plans", "approve", next(plan["id"] for plan in plans if plan["state"] == "pending")).ok()
        answer = site.apply()
    answer.ok()


def actors(name: str) -> list[str]:
    """On whose behalf the page acts: people of the mapping."""
    lines = [shlex.split(line) for line in commands(page_of(name, "en"))]
    return sorted({words[words.index("--as") + 1] for words in lines if "--as" in words})


def open_first(site: Product, mails: list[dict[str, Any]], address: str) -> None:
    """Whoever the mapping names accepts the invitation of the first run, where there is one."""
    for mail in mails:
        if mail["to"] == [address]:
            assert Invitee().accept(mail["links"][0], password=PASSWORD).done
    assert address in site.users()


@pytest.mark.parametrize("name", SYSTEMS)
def test_both_languages_of_a_page_print_the_same_commands(name: str) -> None:
    assert commands(page_of(name, "en")) == commands(page_of(name, "fr"))
