"""Scheduled operations on a run, for cron, systemd and other schedulers."""
