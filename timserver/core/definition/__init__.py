"""The Python definition: the spec's numbered steps, to be read beside its text.

Begin with `auth.py`. Spec: https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
"""
