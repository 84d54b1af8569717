"""Rooms: found, made, upgraded, listed."""
