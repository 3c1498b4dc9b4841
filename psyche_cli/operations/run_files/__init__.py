"""Operations with run files: planning, applying, comparing and writing them."""
