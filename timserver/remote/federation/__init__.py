"""Calls of the server-server API, one module per topic of the spec: typed questions, typed answers.

    async def make_join(client: FederationClient, tenant: Tenant, destination: ServerName, ...) -> JoinTemplate

What comes back is of the right shape, and nothing more is said of it: signatures, authorization and policy are the
caller's business. Never called inside a database transaction.
"""
