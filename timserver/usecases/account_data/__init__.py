"""What clients keep at the server for themselves: account data, tags, filters."""
