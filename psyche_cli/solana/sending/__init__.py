"""Sign once, send, resend the same bytes, and judge."""
