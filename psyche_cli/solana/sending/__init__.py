"""Transaction sending: sign once, send and resend the same bytes, and determine the outcome."""
