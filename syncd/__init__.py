"""syncd makes Keycloak and LDAP agree with YAML on who belongs where, and never takes what it did not give.

Read in this order: `model` (the words) → `plan` (the decision) → `prepare` (what one run would do) →
`reconcile` (the run). `acts` → `administration` → `membership` are what people do, `invitations` →
`inviting` how they are asked in, `daemon` runs it all on a schedule, by a dispatcher
(`dispatch_threads` on one machine, `cluster` on many). `mapping` reads the YAML and
renders it for a target, `identity` says who is who, `targets` talk to Keycloak and LDAP, `store`
remembers what is ours, `render` and `cli` show it, `web` lets applications and strangers in,
`app` wires it up.
Layers and who may import what: `.importlinter`.
"""
