"""`Rejected`: why an event is not authorized."""

import msgspec


class Rejected(msgspec.Struct, frozen=True):
    """A refusal as a value: a name that stays, and the number of the rule in room version 12's text.

    Rules that only older versions have are numbered after these: "v1.11.3" is rule 11.3 of version 1.
    """

    name: str
    rule: str
