"""Real: the source tree, and for the catalogue a migrated PostgreSQL. Fake: nothing."""
