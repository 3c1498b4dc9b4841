"""Operations on reward rates and the treasury."""
