"""Typed process settings and all limits."""
