"""Proof from outside: the program measured and tested as others see it, never through its own modules."""
