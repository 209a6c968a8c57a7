"""Rosters: lists of people that others keep (CSV exports, directories, HTTP), and whether to trust a read.

`csv`, `http` and `ldap` read; `health` decides between a fresh read and the last good copy; `copies`
turns a roster into text for the store and back. A read never raises for what the source says wrong:
the `Roster` carries the problems, and `health.judge` draws the conclusion.
"""
