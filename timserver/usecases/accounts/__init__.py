"""Accounts, sessions and passwords. The password's algorithm is in `passwords.py`."""

from timserver.usecases.accounts.authenticate import SeenFrom, authenticate

__all__ = ["SeenFrom", "authenticate"]
