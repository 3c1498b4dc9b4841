"""Instructions of the three Psyche programs and of the system and token programs."""
