"""What local web servers share: their sockets, the check of requests, tokens, and threads."""
