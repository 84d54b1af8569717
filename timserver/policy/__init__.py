"""TI-M decisions: typed facts in, verdict out, each with the requirement id of gematik (DESIGN 6)."""
