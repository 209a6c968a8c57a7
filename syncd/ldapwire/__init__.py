"""The LDAP wire: one hand-written protocol layer on ldap3's socket, and distinguished names.

ldap3 opens, secures and binds a connection; reading whole subtrees and writing many entries go
through `reader` and `writer`, which take about a tenth of its time and never mistake a cut answer
for a whole one. `stock` does the same with plain ldap3 calls, for servers that need it.
"""
