"""What the ``lifecycle`` commands answer from the data of state machines."""
