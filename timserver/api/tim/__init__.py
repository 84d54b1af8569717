"""gematik APIs."""
