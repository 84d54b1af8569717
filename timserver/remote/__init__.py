"""HTTP out: everything that leaves this server passes `fetcher.Fetcher`, which looks at the address of every socket.

`client.FederationClient` is what use cases reach as `ctx.remote`: policy, the loop-back to co-hosted tenants, discovery
(`discovery.py`), the request's signature, limits. Calls of the server-server API are functions in `federation/`, one
module per topic of the spec. Knows nothing of the database; begin reading in `client.py`.
"""
