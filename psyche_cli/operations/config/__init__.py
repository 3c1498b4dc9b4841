"""Operations on the configuration of a run."""
