"""Who is in a room, and how they come and go."""
