"""Looking for users."""
