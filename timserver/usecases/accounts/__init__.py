"""Accounts, sessions and passwords. The password's algorithm is in `passwords.py`."""

from timserver.usecases.accounts.authenticate import authenticate

__all__ = ["authenticate"]
