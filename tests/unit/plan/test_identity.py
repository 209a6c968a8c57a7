"""Who is who: what is proof, what is a look-alike, and what a person keeps through renames."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd import identity
from syncd.identity import Person
from syncd.mapping.compiled import PersonEntry
from syncd.model import Account, Key, Kind, Observation

ANN = "ann@acme.example"


def account(native: str, username: str, email: str = "", target: str = "keycloak", **more: object) -> Account:
    return Account(target, native, username, email, **more)  # type: ignore[arg-type]  # fields of Account by name


def resolved(
    texts: list[str] | dict[str, PersonEntry],
    accounts: list[Account] | None = None,
    known: list[Person] | None = None,
) -> identity.Resolution:
    entries = texts if isinstance(texts, dict) else {text: entry(text) for text in texts}
    by_target: dict[str, list[Account]] = {"keycloak": [], "ldap": []}
    for one in accounts or []:
        by_target[one.target].append(one)
    numbers = count(1)
    return identity.resolve(entries, by_target, known or [], lambda: f"p_new{next(numbers)}")


def entry(text: str) -> PersonEntry:
    return PersonEntry(text, email=text if "@" in text else "", username="" if "@" in text else text)


def test_a_named_person_without_an_account_gets_an_id_and_is_not_held() -> None:
    found = resolved([ANN])
    assert (found.ids, found.held, found.accounts) == ({ANN: "p_new1"}, {}, {})
    assert [person.addresses for person in found.changed] == [{ANN}]


def test_a_verified_address_is_proof_whatever_its_case() -> None:
    found = resolved([ANN], [account("1", "ann", "Ann@ACME.example", email_verified=True)])
    assert found.accounts["p_new1", "keycloak"].native == "1"
    assert found.persons["p_new1"].pins == {"keycloak": "1"}


def test_only_ascii_letters_are_folded() -> None:
    assert identity.fold("ÄNN@Acme.Example") == "Änn@acme.example"
    assert identity.fold("\u212aelvin") == "\u212aelvin"


def test_an_unverified_look_alike_is_held_with_the_reason() -> None:
    found = resolved([ANN], [account("1", "mallory", ANN)])
    assert "never proved it" in found.held[ANN]
    assert "mallory" in found.held[ANN]
    assert found.accounts == {}
    assert found.persons[found.ids[ANN]].pins == {}


def test_an_address_as_username_proves_no_more_than_the_address() -> None:
    assert ANN in resolved([ANN], [account("1", ANN, ANN)]).held
    assert resolved([ANN], [account("1", ANN, "", email_verified=False)]).accounts == {}


def test_federated_brokered_and_invited_addresses_are_proof() -> None:
    for authority in ("ldap", "idp"):
        assert resolved([ANN], [account("1", "ann", ANN, authority=authority)]).held == {}
    invited = Person("p_a", addresses=frozenset({ANN}), invited=frozenset({ANN}))
    found = resolved([ANN], [account("1", "ann", ANN)], [invited])
    assert found.persons["p_a"].pins == {"keycloak": "1"}


def test_several_accounts_for_one_text_are_held() -> None:
    two = [account("1", "ann", ANN, email_verified=True), account("2", "ann2", ANN, email_verified=True)]
    assert "several accounts" in resolved([ANN], two).held[ANN]


def test_a_username_decides_between_them() -> None:
    two = [account("1", "ann", ANN, email_verified=True), account("2", "ann2", ANN, email_verified=True)]
    found = resolved({"ann": PersonEntry("ann", email=ANN, username="ANN2")}, two)
    assert found.accounts[found.ids["ann"], "keycloak"].native == "2"


def test_a_pin_wins_over_changed_names() -> None:
    known = Person("p_a", {"keycloak": "1"}, addresses=frozenset({ANN}))
    found = resolved([ANN], [account("1", "new", "new@acme.example", email_verified=True)], [known])
    assert found.ids == {ANN: "p_a"}
    assert found.persons["p_a"].addresses == {ANN, "new@acme.example"}
    again = resolved(
        ["new@acme.example"], [account("1", "x", "x@acme.example")], list(found.persons.values())
    )
    assert again.ids == {"new@acme.example": "p_a"}


def test_a_former_address_finds_the_person_of_before() -> None:
    known = Person("p_a", {"keycloak": "1"}, addresses=frozenset({"old@acme.example"}))
    entries = {ANN: PersonEntry(ANN, email=ANN, formerly=("old@acme.example",))}
    assert resolved(entries, [account("1", "ann")], [known]).ids == {ANN: "p_a"}


def test_an_address_or_username_that_went_to_another_account_is_held() -> None:
    known = Person("p_a", {"keycloak": "1"}, frozenset({"ann"}), frozenset({ANN}))
    accounts = [
        account("1", "ann.old", "old@acme.example"),
        account("2", "ann", ANN, email_verified=True),
    ]
    for text in (ANN, "ann"):
        found = resolved([text], accounts, [known])
        assert found.ids == {text: "p_a"}
        assert "name the one who is meant" in found.held[text]


def test_a_deleted_account_that_came_back_is_pinned_anew() -> None:
    known = Person("p_a", {"keycloak": "1"}, addresses=frozenset({ANN}))
    found = resolved([ANN], [account("2", "ann", ANN, email_verified=True)], [known])
    assert found.persons["p_a"].pins == {"keycloak": "2"}


def test_an_ldap_entry_belongs_to_the_same_person_by_mail_or_username() -> None:
    keycloak = account("1", "ann", ANN, email_verified=True)
    by_mail = account("e1", "a.smith", ANN, "ldap", authority="ldap")
    by_name = account("e2", "Ann", "", "ldap", authority="ldap")
    for directory in (by_mail, by_name):
        found = resolved([ANN], [keycloak, directory])
        assert found.persons["p_new1"].pins == {"keycloak": "1", "ldap": directory.native}


def test_two_texts_for_one_person_are_one_person() -> None:
    found = resolved([ANN, "ann"], [account("1", "ann", ANN, email_verified=True)])
    assert len(set(found.ids.values())) == 1


def test_accounts_of_two_persons_for_one_text_are_held() -> None:
    known = [Person("p_a", {"keycloak": "1"}), Person("p_b", {"ldap": "e1"})]
    found = resolved(
        [ANN],
        [account("1", "ann", ANN, email_verified=True), account("e1", "x", ANN, "ldap", authority="ldap")],
        known,
    )
    assert "several persons" in found.held[ANN]


def test_what_is_known_already_is_not_saved_again() -> None:
    accounts = [account("1", "ann", ANN, email_verified=True)]
    first = resolved([ANN], accounts)
    assert resolved([ANN], accounts, list(first.persons.values())).changed == []


def test_accounts_of_people_whom_nobody_names_any_more_are_known() -> None:
    found = resolved([], [account("1", "ann")], [Person("p_a", {"keycloak": "1"})])
    assert found.accounts["p_a", "keycloak"].username == "ann"


def test_rekeying_names_people_and_leaves_strangers_their_native_id() -> None:
    members = {Key(Kind.MEMBER, ("g",), (native,)): {} for native in ("1", "2")}
    people = {Key(Kind.PERSON, (), ("1",)): {"username": ("ann",)}}
    seen = Observation({**members, **people}, {Key(Kind.PERSON, (), ("1",)): "1"})
    resolution = identity.Resolution(persons={"p_a": Person("p_a", {"keycloak": "1", "ldap": "2"})})
    found = identity.rekey(seen, "keycloak", resolution)
    assert set(found.state) == {
        Key(Kind.MEMBER, ("g",), ("p_a",)),
        Key(Kind.MEMBER, ("g",), ("2",)),
        Key(Kind.PERSON, (), ("p_a",)),
    }
    assert found.natives == {Key(Kind.PERSON, (), ("p_a",)): "1"}


names = st.sampled_from(["ann", "bob", "a@x.example", "b@x.example", "A@X.example"])


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(names, unique=True),
    st.lists(
        st.builds(
            Account,
            target=st.sampled_from(["keycloak", "ldap"]),
            native=st.sampled_from(["1", "2", "3"]),
            username=names,
            email=names,
            email_verified=st.booleans(),
        ),
        max_size=5,
        unique_by=(lambda one: (one.target, one.native), lambda one: (one.target, one.username.lower())),
    ),
)
def test_no_account_belongs_to_two_persons_and_a_second_look_finds_the_same(
    texts: list[str], accounts: list[Account]
) -> None:
    first = resolved(texts, accounts)
    pins = [pin for person in first.persons.values() for pin in person.pins.items()]
    assert len(pins) == len(set(pins))
    assert first.ids.keys() == set(texts)
    for (person, target), found in first.accounts.items():
        trusted = found.email_verified or not found.username.count("@")
        assert first.persons[person].pins[target] == found.native
        assert trusted
    second = resolved(texts, list(reversed(accounts)), list(first.persons.values()))
    assert second.ids == first.ids
    assert all(second.accounts[key] == one for key, one in first.accounts.items())
