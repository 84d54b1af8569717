"""What administrators of a homeserver do to accounts, and what users report to them."""
