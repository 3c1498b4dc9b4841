"""Run configuration files: read, checked and compared, without a cluster.

``load.load_run_config`` reads one. ``rules`` holds what the coordinator program checks (also for values decoded from an
account), ``advice`` what it does not check but an owner should know, ``batch_size`` the batch-size ramp, and
``differences`` what an update changes.
"""
