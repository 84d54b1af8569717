"""Devices of a user: listed, renamed, removed; and what is sent to devices."""
