"""Who may reach whom, who is who."""
