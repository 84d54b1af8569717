"""What use cases may reach of the outside world."""
