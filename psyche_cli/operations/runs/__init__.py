"""Operations that create, find, pause and resume runs."""
