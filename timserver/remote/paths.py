"""Paths of requests: what stands in a segment is percent-encoded, whatever it is."""

from urllib.parse import quote


def path(template: str, *segments: str) -> str:
    """`path("/_matrix/federation/v1/event/{}", event_id)`: the template's places filled, encoded."""
    return template.format(*(quote(segment, safe="") for segment in segments))
