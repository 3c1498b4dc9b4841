"""Operations that read runs and members."""
