"""Operations on a run that wait for their moment, for cron, systemd and other schedulers."""
