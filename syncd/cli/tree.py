"""The command tree: what exists, what it is for, and which module holds it.

`syncd --help` reads only these lines; a command's module is imported when it is called.
"""

from __future__ import annotations

from syncd.locale import mark

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("files", mark("Write a first syncd.yaml and a first mapping here.")),
    "validate": ("files", mark("Check mappings, or single files and folders; touches no network.")),
    "schema": ("files", mark("Print the JSON Schema of mappings, for editors.")),
    "fmt": ("files", mark("Lay mapping files out in one way, comments kept.")),
    "plan": ("run", mark("Show what a run would change, and change nothing.")),
    "apply": ("run", mark("Show the plan, ask, and carry it out.")),
    "sync": ("run", mark("Carry out what is due without asking, as a schedule does.")),
    "held": ("waiting", mark("List what waits, and why.")),
    "adopt": ("waiting", mark("Take something that exists, so that syncd manages it from now on.")),
    "release": ("waiting", mark("Give up everything a mapping owns; the servers are left as they are.")),
    "status": ("look", mark("Show how each mapping stands.")),
    "explain": ("look", mark("Say why a person has a role, and where it is written.")),
    "doctor": ("look", mark("Check servers, rights, store and clock, with a remedy for each fault.")),
    "bootstrap": ("setup", mark("Make, as a one-off administrator, what the running account needs.")),
    "support": ("support", mark("Collect what somebody who helps needs, without secrets.")),
    "config": ("look", mark("Show the settings and where each comes from.")),
    "invitations": ("people_invited", mark("List, send, resend and cancel invitations.")),
    "members": ("people", mark("List, add, change, remove and export members.")),
    "accounts": ("people", mark("Show, disable, enable, delete and erase accounts.")),
    "ownership": ("people", mark("Hand over the role that has one holder.")),
    "joins": ("people_invited", mark("List, approve and refuse requests to join.")),
    "links": ("people_invited", mark("List, create and revoke links that invite.")),
    "daemon": ("serve", mark("Reconcile whenever it is due, until told to end.")),
    "schedule": ("serve", mark("Show when mappings are due.")),
    "pause": ("serve", mark("Let the daemon leave a mapping alone for a while.")),
    "resume": ("serve", mark("End a pause.")),
    "plans": ("history", mark("List, show, approve and refuse stored plans.")),
    "runs": ("history", mark("List and show past runs.")),
    "audit": ("history", mark("Verify or export the audit trail.")),
    "db": ("setup", mark("Upgrade, check or rebuild the store.")),
}

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (mark("Files, without any server"), ("init", "validate", "schema", "fmt")),
    (mark("Every day"), ("plan", "apply", "sync", "held", "adopt", "release")),
    (mark("People"), ("invitations", "members", "accounts", "ownership", "joins", "links")),
    (mark("By itself"), ("daemon", "schedule", "pause", "resume")),
    (mark("Looking"), ("status", "explain", "doctor", "config", "support")),
    (mark("Records"), ("plans", "runs", "audit")),
    (mark("Setting up"), ("bootstrap", "db")),
)
