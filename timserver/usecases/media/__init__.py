"""Uploaded files: the row in `store.media`, the bytes in `media.blobs`.

The bytes are on the disk before the row says so; a row that could not be written takes its bytes with it. Begin with
`upload_media.py` and `stored_file.py`.
"""
