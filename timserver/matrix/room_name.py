"""Whether a room has a name. One that has none is named by clients, by its heroes.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary
"""

from collections.abc import Mapping


def has_name(name: Mapping[str, object] | None, canonical_alias: Mapping[str, object] | None) -> bool:
    """Whether name or canonical alias (contents of the state events) name the room, so that heroes may be left out."""
    texts = (name and name.get("name"), canonical_alias and canonical_alias.get("alias"))
    return any(isinstance(text, str) and text for text in texts)
