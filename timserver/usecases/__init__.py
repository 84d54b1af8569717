"""One function per thing that a user or server wants done, normally one transaction each.

Use cases call steps, store, remote, policy and core, never another use case. First parameter: `ctx`.
"""
