"""What passes: receipts, typing, presence."""
