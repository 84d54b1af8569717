"""What must go, what must stay."""
