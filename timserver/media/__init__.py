"""Files of the media repository and the locked-down child that looks into them. Knows no PostgreSQL, no HTTP.

`blobs.py` stores bytes under random names of our own (RELIABILITY M1); `thumbnails.py` decodes pictures in a child
process with limits (RELIABILITY M2, S7).
"""
