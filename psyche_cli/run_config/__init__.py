"""Reading, validating and comparing run configuration files, without a cluster.

``load.load_run_config`` reads a file. ``rules`` implements the checks of the coordinator program, also for values
decoded from an account; ``advice`` warns about values that the program accepts but that are likely mistakes;
``batch_size`` computes the batch size ramp; ``differences`` lists the changes of an update.
"""
