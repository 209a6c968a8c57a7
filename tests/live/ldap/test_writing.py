"""Writing a directory: one modify a group, foreign things untouched, every refusal with its reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from syncd.errors import Unreachable
from syncd.ldapwire import dn
from syncd.ldapwire.operations import Add, Modify
from syncd.model import Change, Key, Kind, Op, Outcome, Result, Scope
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import PLACEHOLDER, LdapProfile
from tests.cutting_proxy import CuttingProxy
from tests.ldap_world import LdapWorld, settings_for
from tests.miniature import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.model import Attrs, Observation

pytestmark = pytest.mark.live


class Pen:
    """Writes through one target, as a run would: read first, ids of what exists passed along."""

    def __init__(self, world: LdapWorld, target: LdapTarget | None = None) -> None:
        self.world = world
        self.target = target or world.target
        self.base = dn.fold_dn(world.groups_base)

    def key(self, *rdns: str, person: str = "") -> Key:
        if person:
            return Key(Kind.MEMBER, (self.base, *rdns), (person,))
        return Key(Kind.GROUP if rdns[-1].startswith("cn=") else Kind.OU, (self.base, *rdns))

    def see(self, *groups: str) -> Observation:
        places = frozenset((self.base, *name.split("/")) for name in groups)
        return self.target.read(
            Scope(frozenset({(self.base,)}), places, natives=frozenset(n for _, n in self.world.people))
        )

    def write(self, changes: Iterable[Change], *groups: str) -> dict[Key, Outcome]:
        natives = {
            **self.see(*groups).natives,
            **{Key(Kind.PERSON, (), (pid,)): n for pid, n in self.world.people},
        }
        return self.write_unread(changes, natives)

    def write_unread(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> dict[Key, Outcome]:
        wanted = list(changes)
        outcomes = list(self.target.apply(wanted, natives))
        assert sorted(o.change.key for o in outcomes) == sorted(c.key for c in wanted)
        return {outcome.change.key: outcome for outcome in outcomes}

    def make(self, name: str, *, attrs: Attrs | None = None) -> Outcome:
        kind = "cn" if name.startswith("cn=") else "ou"
        change = Change(Op.CREATE, self.key(name), {kind: (name[3:],), **(attrs or {})})
        return self.write([change])[change.key]

    def join(self, group: str, *people: str, op: Op = Op.CREATE) -> dict[Key, Outcome]:
        return self.write([Change(op, self.key(group, person=person)) for person in people], group)

    def dn(self, name: str) -> str:
        return f"{name},{self.world.groups_base}"


@pytest.fixture
def pen(world: LdapWorld) -> Pen:
    return Pen(world)


def _results(outcomes: Mapping[Key, Outcome]) -> set[Result]:
    return {outcome.result for outcome in outcomes.values()}


def _people(world: LdapWorld) -> list[str]:
    return [person for person, _ in world.people]


def _dns(world: LdapWorld) -> list[str]:
    return [world.dn_of(native) for _, native in world.people]


# ---- new entries


def test_a_new_group_is_marked_holds_the_placeholder_and_tells_its_id_without_another_request(
    pen: Pen, world: LdapWorld
) -> None:
    assert pen.make("cn=first").result is Result.DONE
    pen.see()
    before = pen.target.directory.requests
    key = pen.key("cn=team")
    outcome = pen.write_unread([Change(Op.CREATE, key, {"cn": ("Team",)})], {})[key]
    assert pen.target.directory.requests == before + 1
    entry = world.entry(pen.dn("cn=Team"))
    assert outcome.native == entry.text("entryUUID")
    assert entry.texts("businessCategory") == (f"syncd:{MARKER}",)
    assert entry.texts("member") == (PLACEHOLDER,)


def test_an_attribute_that_the_class_does_not_know_is_written_nevertheless(
    pen: Pen, world: LdapWorld
) -> None:
    assert pen.make("cn=team", attrs={"mail": ("team@example.org",)}).result is Result.DONE
    assert world.entry(pen.dn("cn=team")).text("mail") == "team@example.org"
    assert pen.make("cn=other").result is Result.DONE
    update = Change(
        Op.UPDATE, pen.key("cn=other"), {"cn": ("other",), "mail": ("o@example.org",)}, {"cn": ("other",)}
    )
    assert _results(pen.write([update])) == {Result.DONE}
    assert world.entry(pen.dn("cn=other")).text("mail") == "o@example.org"


def test_an_attribute_that_no_schema_defines_is_refused_with_the_reason(pen: Pen) -> None:
    outcome = pen.make("cn=team", attrs={"x-unheard-of": ("1",)})
    assert outcome.result is Result.REFUSED
    assert "undefined attribute type (17)" in outcome.detail
    assert pen.dn("cn=team") in outcome.detail


def test_an_entry_of_ours_whose_answer_was_lost_is_recognised_by_its_mark(pen: Pen) -> None:
    first = pen.make("cn=team")
    pen.see()
    again = pen.write_unread([first.change], {})[first.change.key]
    assert (again.result, again.native) == (Result.DONE, first.native)


def test_an_entry_that_others_made_is_not_taken(pen: Pen, world: LdapWorld) -> None:
    pen.see()
    world.foreign_group((world.groups_base, "cn=team"))
    change = Change(Op.CREATE, pen.key("cn=team"), {"cn": ("team",)})
    outcome = pen.write_unread([change], {})[change.key]
    assert outcome.result is Result.REFUSED
    assert "exists already (groupOfNames) and syncd did not make it" in outcome.detail


def test_an_entry_of_another_kind_in_the_way_is_named(pen: Pen, world: LdapWorld) -> None:
    world.write(Add(pen.dn("cn=team"), {"objectClass": (b"organizationalRole",)}))
    outcome = pen.make("cn=team")
    assert outcome.result is Result.REFUSED
    assert "organizationalRole" in outcome.detail


def test_parents_come_before_children_even_in_one_wave(pen: Pen) -> None:
    names = [("ou=a",), ("ou=a", "ou=b"), ("ou=a", "ou=b", "cn=c")]
    changes = [Change(Op.CREATE, pen.key(*name), {name[-1][:2]: (name[-1][3:],)}) for name in reversed(names)]
    assert _results(pen.write(changes)) == {Result.DONE}


def test_a_child_without_its_parent_is_refused(pen: Pen) -> None:
    change = Change(Op.CREATE, pen.key("ou=missing", "cn=team"), {"cn": ("team",)})
    outcome = pen.write([change])[change.key]
    assert outcome.result is Result.REFUSED
    assert "no such object (32)" in outcome.detail


def test_nothing_outside_the_base_is_written(pen: Pen, world: LdapWorld) -> None:
    outside = [
        Change(Op.CREATE, Key(Kind.OU, (dn.fold_dn(world.base), "ou=x")), {"ou": ("x",)}),
        Change(Op.DELETE, Key(Kind.OU, (dn.fold_dn(world.people_base),))),
        Change(Op.DELETE, Key(Kind.OU, (pen.base,))),
    ]
    outcomes = pen.write(outside)
    assert _results(outcomes) == {Result.REFUSED}
    assert all("outside the base" in outcome.detail for outcome in outcomes.values())


# ---- members


def test_all_changes_of_one_group_go_in_one_modify_with_the_placeholder(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    people = _people(world)
    for changes, expected in (
        ([(Op.CREATE, people[0]), (Op.CREATE, people[1])], _dns(world)[:2]),
        ([(Op.DELETE, people[0]), (Op.CREATE, people[2])], _dns(world)[1:]),
        ([(Op.DELETE, people[1]), (Op.DELETE, people[2])], [PLACEHOLDER]),
    ):
        pen.see("cn=team")
        before = pen.target.directory.requests
        natives = {Key(Kind.PERSON, (), (pid,)): native for pid, native in world.people}
        wanted = [Change(op, pen.key("cn=team", person=person)) for op, person in changes]
        assert _results(pen.write_unread(wanted, natives)) == {Result.DONE}
        assert pen.target.directory.requests == before + 1
        assert world.members(pen.dn("cn=team")) == sorted(expected)


def test_members_and_attributes_of_others_survive(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    stranger = f"uid=stranger,ou=elsewhere,{world.base}"
    world.write(
        Modify(
            pen.dn("cn=team"),
            (
                ("add", "member", (stranger.encode(),)),
                ("add", "description", (b"theirs",)),
                ("add", "businessCategory", (b"sales",)),
            ),
        )
    )
    person = _people(world)[0]
    assert _results(pen.join("cn=team", person)) == {Result.DONE}
    key = pen.key("cn=team")
    update = Change(Op.UPDATE, key, {"cn": ("Team",), "o": ("Acme",)}, {"cn": ("team",)})
    assert _results(pen.write([update], "cn=team")) == {Result.DONE}
    assert _results(pen.join("cn=team", person, op=Op.DELETE)) == {Result.DONE}
    entry = world.entry(pen.dn("cn=Team"))
    assert entry.texts("member") == (stranger,)
    assert (entry.text("description"), entry.text("o"), entry.texts("cn")) == ("theirs", "Acme", ("Team",))
    assert set(entry.texts("businessCategory")) == {"sales", f"syncd:{MARKER}"}


def test_one_bad_value_costs_only_itself(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    bad = "cn=bad,1.2.3.4.5.6.7.8.9=unknown type"
    people = _people(world)
    outcomes = pen.join("cn=team", people[0], bad, people[1], people[2])
    refused = {key.item[0] for key, outcome in outcomes.items() if outcome.result is Result.REFUSED}
    assert refused == {bad}
    assert "invalid" in outcomes[pen.key("cn=team", person=bad)].detail
    assert world.members(pen.dn("cn=team")) == sorted(_dns(world))


def test_what_others_did_meanwhile_is_done_and_the_rest_is_written(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    people, names = _people(world), _dns(world)
    pen.join("cn=team", people[0])
    seen = pen.see("cn=team")
    world.write(
        Modify(
            pen.dn("cn=team"),
            (("add", "member", (names[1].encode(),)), ("delete", "member", (names[0].encode(),))),
        )
    )
    natives = {**seen.natives, **{Key(Kind.PERSON, (), (pid,)): native for pid, native in world.people}}
    wanted = [
        Change(Op.DELETE, pen.key("cn=team", person=people[0])),
        Change(Op.CREATE, pen.key("cn=team", person=people[1])),
        Change(Op.CREATE, pen.key("cn=team", person=people[2])),
    ]
    assert _results(pen.write_unread(wanted, natives)) == {Result.DONE}
    assert world.members(pen.dn("cn=team")) == sorted(names[1:])


def test_a_group_that_vanished_has_no_members_to_take_away_and_takes_none(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    people = _people(world)
    pen.join("cn=team", people[0])
    seen = pen.see("cn=team")
    world.remove(pen.dn("cn=team"))
    natives = {**seen.natives, **{Key(Kind.PERSON, (), (pid,)): native for pid, native in world.people}}
    leave, come = pen.key("cn=team", person=people[0]), pen.key("cn=team", person=people[1])
    outcomes = pen.write_unread([Change(Op.DELETE, leave), Change(Op.CREATE, come)], natives)
    assert (outcomes[leave].result, outcomes[come].result) == (Result.DONE, Result.REFUSED)
    assert "the next run makes it" in outcomes[come].detail


def test_a_stranger_is_removed_by_the_dn_under_which_it_was_seen(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    world.write(Modify(pen.dn("cn=team"), (("add", "member", (b"cn=Some\\2C Body,dc=elsewhere",)),)))
    item = next(key.item[0] for key in pen.see("cn=team").state if key.kind is Kind.MEMBER)
    assert _results(pen.join("cn=team", item, op=Op.DELETE)) == {Result.DONE}
    assert world.members(pen.dn("cn=team")) == [PLACEHOLDER]


def test_a_person_who_was_not_read_is_looked_up(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=team")
    late = world.person("late")
    assert _results(pen.join("cn=team", late)) == {Result.DONE}
    assert world.members(pen.dn("cn=team")) == [world.dn_of(late)]


def test_five_thousand_members_take_one_modify_for_each_thousand(pen: Pen, world: LdapWorld) -> None:
    pen.make("cn=crowd")
    crowd = [f"uid=s{number},ou=elsewhere,{pen.base}" for number in range(5000)]
    pen.see("cn=crowd")
    before = pen.target.directory.requests
    wanted = [Change(Op.CREATE, pen.key("cn=crowd", person=member)) for member in crowd]
    assert _results(pen.write_unread(wanted, {})) == {Result.DONE}
    assert pen.target.directory.requests == before + 5
    assert len(world.members(pen.dn("cn=crowd"))) == 5000
    fewer = [Change(Op.DELETE, change.key) for change in wanted[:4999]]
    assert _results(pen.write(fewer, "cn=crowd")) == {Result.DONE}
    assert len(world.members(pen.dn("cn=crowd"))) == 1


def test_groups_may_not_be_empty_where_the_server_forbids_it(world: LdapWorld) -> None:
    profile = LdapProfile(world.groups_base, world.people_base, empty_group="allow", marker=MARKER)
    pen = Pen(world, LdapTarget("ldap", settings_for(world.server), profile))
    outcome = pen.make("cn=team")
    assert outcome.result is Result.REFUSED
    assert "object class violation (65)" in outcome.detail
    assert "empty_group" in outcome.detail
    pen.target.close()


# ---- changed, moved and removed entries


def test_a_change_of_case_renames_and_keeps_the_id(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("cn=team")
    pen.join("cn=team", _people(world)[0])
    update = Change(Op.UPDATE, made.change.key, {"cn": ("TEAM",)}, {"cn": ("team",)})
    assert _results(pen.write([update], "cn=team")) == {Result.DONE}
    entry = world.entry(pen.dn("cn=TEAM"))
    assert entry.dn.startswith("cn=TEAM,")
    assert entry.text("entryUUID") == made.native
    assert world.members(pen.dn("cn=TEAM")) == _dns(world)[:1]


def test_values_are_added_and_deleted_and_what_was_not_as_read_is_read_again(
    pen: Pen, world: LdapWorld
) -> None:
    made = pen.make("cn=team", attrs={"description": ("one", "two")})
    seen = pen.see()
    world.write(
        Modify(pen.dn("cn=team"), (("delete", "description", (b"one",)), ("add", "description", (b"three",))))
    )
    wanted = {"cn": ("team",), "description": ("three", "two")}
    update = Change(Op.UPDATE, made.change.key, wanted, seen.state[made.change.key], clear=frozenset({"o"}))
    assert _results(pen.write_unread([update], seen.natives)) == {Result.DONE}
    assert set(world.entry(pen.dn("cn=team")).texts("description")) == {"two", "three"}


def test_an_attribute_is_cleared(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("cn=team", attrs={"description": ("one",)})
    before = pen.see().state[made.change.key]
    update = Change(Op.UPDATE, made.change.key, {"cn": ("team",)}, before, clear=frozenset({"description"}))
    assert _results(pen.write([update])) == {Result.DONE}
    assert world.entry(pen.dn("cn=team")).texts("description") == ()


def test_a_name_that_is_taken_refuses_the_move_and_says_by_what(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("cn=team")
    world.foreign_group((world.groups_base, "cn=taken"))
    move = Change(Op.MOVE, pen.key("cn=taken"), {"cn": ("taken",)}, old=made.change.key, native=made.native)
    outcome = pen.write([move])[move.key]
    assert outcome.result is Result.REFUSED
    assert f"cannot move to {pen.dn('cn=taken')}" in outcome.detail


def test_what_lies_below_a_renamed_unit_is_written_at_its_new_place(pen: Pen, world: LdapWorld) -> None:
    unit = pen.make("ou=unit")
    group = Change(Op.CREATE, pen.key("ou=unit", "cn=team"), {"cn": ("team",)})
    native = pen.write([group])[group.key].native
    seen = pen.see()
    place = (pen.base, dn.fold(dn.rdn("ou", "New, name")))
    move = Change(
        Op.MOVE, Key(Kind.OU, place), {"ou": ("New, name",)}, old=unit.change.key, native=unit.native
    )
    member = Key(Kind.MEMBER, (*move.key.place, "cn=team"), (_people(world)[0],))
    natives = {**seen.natives, **{Key(Kind.PERSON, (), (pid,)): n for pid, n in world.people}}
    assert _results(pen.write_unread([move, Change(Op.CREATE, member)], natives)) == {Result.DONE}
    moved = world.entry(f"cn=team,ou=New\\2C name,{world.groups_base}")
    assert moved.text("entryUUID") == native
    assert moved.texts("member") == (_dns(world)[0],)


def test_an_entry_with_something_foreign_below_is_not_removed(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("ou=unit")
    world.write(Add(f"cn=theirs,{pen.dn('ou=unit')}", {"objectClass": (b"organizationalRole",)}))
    delete = Change(Op.DELETE, made.change.key, native=made.native)
    outcome = pen.write([delete])[delete.key]
    assert outcome.result is Result.REFUSED
    assert "entries below it (66)" in outcome.detail


def test_an_entry_that_is_gone_is_removed_and_another_in_its_place_is_left_alone(
    pen: Pen, world: LdapWorld
) -> None:
    made = pen.make("cn=team")
    world.remove(pen.dn("cn=team"))
    world.foreign_group((world.groups_base, "cn=team"))
    delete = Change(Op.DELETE, made.change.key, native=made.native)
    assert _results(pen.write([delete])) == {Result.DONE}
    assert world.entry(pen.dn("cn=team")).texts("member") == (PLACEHOLDER,)


def test_an_entry_removed_meanwhile_is_done(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("cn=team")
    seen = pen.see()
    world.remove(pen.dn("cn=team"))
    delete = Change(Op.DELETE, made.change.key, native=made.native)
    assert _results(pen.write_unread([delete], seen.natives)) == {Result.DONE}


# ---- permissions and broken connections


def test_without_permission_every_change_is_refused_with_the_remedy(pen: Pen, world: LdapWorld) -> None:
    made = pen.make("cn=team")
    plain = world.person("plain", userPassword="plain-secret")
    settings = settings_for(world.server, bind_dn=world.dn_of(plain), password="plain-secret")
    weak = Pen(world, LdapTarget("ldap", settings, world.profile))
    changes = [
        Change(Op.CREATE, weak.key("cn=new"), {"cn": ("new",)}),
        Change(Op.UPDATE, made.change.key, {"description": ("x",)}),
        *(Change(Op.CREATE, weak.key("cn=team", person=person)) for person in _people(world)),
    ]
    outcomes = weak.write(changes, "cn=team")
    assert _results(outcomes) == {Result.REFUSED}
    assert all("allow syncd's account to write there" in outcome.detail for outcome in outcomes.values())
    weak.target.close()


def test_lost_answers_are_unknown_outcomes_and_the_next_read_shows_what_happened(
    world: LdapWorld, wire: str
) -> None:
    with CuttingProxy(world.server.url) as proxy:
        pen = Pen(
            world, LdapTarget("ldap", settings_for(world.server, urls=(proxy.url,), wire=wire), world.profile)
        )
        pen.make("cn=team")
        seen = pen.see("cn=team")
        natives = {**seen.natives, **{Key(Kind.PERSON, (), (pid,)): n for pid, n in world.people}}
        changes = [
            Change(Op.CREATE, pen.key("cn=new"), {"cn": ("new",)}),
            *(Change(Op.CREATE, pen.key("cn=team", person=person)) for person in _people(world)),
        ]
        proxy.swallow()
        outcomes = pen.write_unread(changes, natives)
        proxy.heal()
        limit = time.monotonic() + 60
        while changes[0].key not in (after := pen.see("cn=team")).state and time.monotonic() < limit:
            time.sleep(0.1)  # the answer that was lost may be that of the other request
        pen.target.close()
    assert outcomes[changes[0].key].result is Result.UNKNOWN
    assert "no answer came" in outcomes[changes[0].key].detail
    assert _results(outcomes) <= {Result.UNKNOWN, Result.SKIPPED}
    assert changes[0].key in after.state


def test_a_server_that_is_gone_before_the_first_write_raises(pen: Pen, world: LdapWorld) -> None:
    pen.see()
    change = Change(Op.CREATE, pen.key("cn=new"), {"cn": ("new",)})
    pen.target.close()
    world.server.stop()
    try:
        with pytest.raises(Unreachable):
            pen.write_unread([change], {})
    finally:
        world.server.start()
        world.hands.connection.close()
