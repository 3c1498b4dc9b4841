"""The files of workers: their configurations, results and logs."""
