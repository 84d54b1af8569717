"""Who may talk to us."""
