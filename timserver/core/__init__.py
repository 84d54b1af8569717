"""Event authorization, state resolution and what a profile proved hot: two texts of one contract (DESIGN 4).

`definition/` follows the spec's numbered steps and can be read beside it; `engine` is compiled from `rust/` and
is what runs. Knows nothing of tenants, sockets or the database.
"""
