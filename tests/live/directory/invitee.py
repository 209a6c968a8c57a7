"""An invited person with a browser: opens the link of a mail and goes through Keycloak's pages.

    person = Invitee()
    page = person.accept(link, password="a long password", given_name="Léa", family_name="Martin")
    assert page.done

Forms and links are read from the pages themselves. Keycloak marks its cookies `Secure` on plain http too;
a browser sends them on loopback all the same, and so does this one.
"""

from __future__ import annotations

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PAGES = 8
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@dataclass(frozen=True)
class Page:
    """One page as Keycloak showed it; `name` is its own (`login-info`, `login-login-update-password`, …)."""

    status: int
    url: str
    name: str
    language: str
    text: str
    errors: tuple[str, ...]
    links: tuple[str, ...]
    form: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether this is where Keycloak says that the account is up to date."""
        return self.status == 200 and self.name == "login-info" and not self.proceed

    @property
    def proceed(self) -> str:
        """Where a confirmation page leads; empty on any other."""
        return next((link for link in self.links if "/login-actions/action-token?" in link), "")


class Invitee:
    """One person's browser, with cookies of its own."""

    def __init__(self) -> None:
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def accept(
        self, link: str, *, password: str, given_name: str = "Given", family_name: str = "Family"
    ) -> Page:
        """Do everything the link asks for; the page on which it ends, a refusal or a form with errors too."""
        answers = {
            "firstName": given_name,
            "lastName": family_name,
            "password-new": password,
            "password-confirm": password,
        }
        page = self.open(link)
        for _ in range(MOST_PAGES):
            if page.proceed:
                page = self.open(page.proceed)
            elif page.form and not page.errors:
                page = self.send(page, answers)
            else:
                return page
        raise AssertionError(f"{link} leads through more than {MOST_PAGES} pages: {page.name}: {page.text}")

    def confirm(self, link: str) -> Page:
        """Open the link and click the one button of its page."""
        page = self.open(link)
        assert page.proceed, page
        return self.open(page.proceed)

    def send(self, page: Page, answers: Mapping[str, str]) -> Page:
        """Send the form of a page, with those answers it has fields for."""
        asked = {name: answers.get(name, value) for name, value in page.fields.items()}
        return self.open(page.form, asked)

    def open(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        """One page, redirects followed; error pages are pages too."""
        for cookie in self._jar:
            cookie.secure = False
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            answer = self._opener.open(url, data, timeout=30)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            reader = _Reader()
            reader.feed(answer.read().decode())
            return reader.page(answer.status, answer.url)


class _Reader(HTMLParser):
    """Keeps what a person sees of a page: text, errors, links, and one form with its fields."""

    def __init__(self) -> None:
        super().__init__()
        self._name = self._language = self._form = ""
        self._words: list[str] = []
        self._errors: list[str] = []
        self._links: list[str] = []
        self._fields: dict[str, str] = {}
        self._open: list[tuple[str, bool]] = []  # each open tag, and whether its text is an error

    def page(self, status: int, url: str) -> Page:
        return Page(
            status=status,
            url=url,
            name=self._name,
            language=self._language,
            text=" ".join(self._words),
            errors=tuple(self._errors),
            links=tuple(self._links),
            form=urllib.parse.urljoin(url, self._form) if self._form else "",
            fields=self._fields,
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            is_error = "pf-m-danger" in has.get("class", "") or has.get("id", "").startswith("input-error")
            self._open.append((tag, is_error))
        match tag:
            case "html":
                self._language = has.get("lang", "")
            case "body":
                self._name = has.get("data-page-id", "")
            case "a" if has.get("href"):
                self._links.append(has["href"])
            case "form":
                self._form = has.get("action", "")
            case "input" if has.get("name") and has.get("type") != "checkbox":
                self._fields[has["name"]] = has.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if any(tag == opened for opened, _ in self._open):
            while self._open.pop()[0] != tag:
                continue

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        tags = [tag for tag, _ in self._open]
        if not words or "script" in tags or "style" in tags:
            return
        self._words.append(words)
        if any(is_error for _, is_error in self._open):
            self._errors.append(words)
