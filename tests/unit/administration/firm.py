"""A firm whose model has every rule once."""

from __future__ import annotations

from tests.unit.administration.worlds import Town

MODEL = """syncd: 1
kinds:
  firm: {}
  desk: {within: firm, states: [open, closed]}
roles:
  guest: {scope: desk, external: true}
  clerk: {scope: desk}
  lead: {scope: desk, inherits: [clerk], expires: P1Y}
  relic: {scope: desk, assignable: false}
  staff: {scope: firm}
  boss: {scope: firm, inherits: [staff], cardinality: {min: 1, max: 3}}
  founder: {scope: firm, inherits: [boss], assigned_by: transfer, cardinality: {max: 1}}
  auditor: {scope: firm, assigned_by: file}
constraints:
  - {separation: [guest, staff], per: firm}
  - {exclusive: [clerk, lead], per: desk}
  - {prerequisite: {lead: staff}}
  - {exclusive: [staff, boss, founder], per: firm}
administration:
  - {by: boss, may: [invite, resend, add, remove], target: [staff, boss, auditor]}
  - {by: boss, may: [change], from: [staff], to: [boss, founder]}
  - {by: boss, may: [change], from: [boss], to: [staff]}
  - {by: boss, may: [invite, add, remove], target: [guest, clerk, lead, relic], scope: below}
  - {by: boss, may: [change], from: [guest], to: [staff], scope: below}
  - {by: lead, may: [add, change], target: [clerk, lead], if: {until: P6M}}
  - {by: staff, may: [invite], target: [guest], scope: desk, if: {setting: parties, domains: [pals.example]}}
  - {by: boss, may: [disable, edit, delete], target: [staff, boss], if: {authority: local}}
  - {by: staff, may: [remove], target: [staff], self: true}
  - {by: founder, may: [transfer, remove], target: [boss, staff, founder]}
change_states: [active]
joining: {approvers: boss}
removal: {what: account, requires_state: disabled, data: {shared: {to: actor, or_chosen: boss}}}
transfer: {role: founder, former_becomes: boss}
settings: {parties: false}
policy: {admins_min: 1}
people:
  pia: {email: pia@acme.example}
firms:
  acme:
    members: {staff: [pia], boss: [{person: bo, initial: true}], founder: [{person: fay, initial: true}]}
    desks:
      front: {settings: {parties: true}, members: {clerk: [pia]}}
      back: {}
      old: {state: closed}
      free: {members: unmanaged}
      quiet: {settings: {guests: false}}
  rival: {}
"""


def firm() -> Town:
    """Fay founded it, bo and bea run it, sam and sue work there, lea leads the front desk, gus visits."""
    town = Town.of(MODEL)
    town.account("pia", authority="file", place=town.compiled.people["pia"].place)
    for person, role, unit in (
        ("bea", "boss", "/acme"),
        ("sam", "staff", "/acme"),
        ("sue", "staff", "/acme"),
        ("lea", "staff", "/acme"),
        ("lea", "lead", "/acme/front"),
        ("gus", "guest", "/acme/front"),
        ("gus", "guest", "/acme/back"),
        ("rob", "boss", "/rival"),
    ):
        town.give(person, role, unit)
    return town
