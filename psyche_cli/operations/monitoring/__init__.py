"""Operations that watch runs over a long time: metrics for Prometheus, and alarms."""
