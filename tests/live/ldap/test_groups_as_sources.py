"""Members of a directory group as a mapping takes them (`ldap_group`), through the groups in it or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.app.directory import fetcher
from syncd.ldapwire import dn
from syncd.ldapwire.operations import Modify
from syncd.sources.ldap import DirectoryQuery
from tests.ldap_world import settings_for

if TYPE_CHECKING:
    from tests.ldap_world import LdapWorld

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("nested", "people"), [(True, ["person0", "person1", "person2"]), (False, ["person0"])]
)
def test_groups_in_a_group_are_walked_where_asked_and_a_ring_ends(
    world: LdapWorld, *, nested: bool, people: list[str]
) -> None:
    places = [world.place(name, group=True) for name in ("outer", "inner", "innermost")]
    for place, (_, native) in zip(places, world.people, strict=True):
        world.foreign_group(place)
        world.foreign_member(place, native)
    names = [dn.dn_of(place) for place in places]
    for outer, inner in zip(names, [*names[1:], names[0]], strict=True):
        world.write(Modify(outer, (("add", "member", (inner.encode(),)),)))
    fetch = fetcher(lambda _name: settings_for(world.server))
    found = fetch(DirectoryQuery("directory", group=names[0], nested=nested))
    assert sorted(entry.attrs["uid"][0] for entry in found) == people
