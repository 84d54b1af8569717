"""Loops over outboxes and timetables; each calls a use case. They know no HTTP in."""
