"""Push rules and what they say of events."""
