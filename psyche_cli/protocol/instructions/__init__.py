"""Instructions of the three programs and of the system and token programs."""
