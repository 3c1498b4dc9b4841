"""Operations of the ``localnet`` verbs."""
