"""Push rules: which events notify whom, and how loudly.

- `rules.py`: the nouns: `Rule`, `Kind`, a user's stored differences `UserRules`, and the merged `Ruleset`.
- `defaults.py`: the server's default rules.
- `changes.py`: what the `/pushrules` endpoints do to `UserRules`, and merging for reading.
- `conditions.py`: the conditions, parsed once and asked of an event.
- `evaluation.py`: one event for all recipients of a room at once. Begin reading here for sending.

Stored are only a user's own rules and what differs from the defaults, so that new defaults reach everybody and a
user who never touched the rules costs nothing, neither in storage nor when an event is evaluated.

Spec: https://spec.matrix.org/v1.19/client-server-api/#push-rules
"""
