"""The Matrix specification as data (SOURCES.md), and how to read it."""
