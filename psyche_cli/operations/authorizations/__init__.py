"""Who may join: authorizations of a join authority."""
