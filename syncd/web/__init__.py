"""syncd over HTTP: the JSON API for applications, and the public page on which links are redeemed.

Both only record: `desk` writes acts under the lease of the mapping, `public` writes notes of redeemed links,
and the daemon, which listens to neither, makes them true. Policy is that of every other channel.
"""
