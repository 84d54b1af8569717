"""End-to-end encryption as far as a server knows of it: public keys, signatures, encrypted backups.

Signatures that everybody may see are merged into the signed object when they are uploaded, so that a query only
splices bytes. Begin with `upload_keys.py` and `query_keys.py`.
"""
