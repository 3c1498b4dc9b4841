"""What workers report while they run: from a line of their standard output to the database and to listeners.

::

    worker --stdout--> proxy --PublishRunSteps/Episodes--> daemon: ingest --commit--> telemetry.sqlite
                       lines, outbox                                       --after--> rings --> listeners

``events`` defines what is reported, ``lines`` how a worker prints it. ``proxy`` is the process between a worker and
the daemon, with an ``outbox`` that drops the oldest events if the daemon cannot keep up. In the daemon, ``ingest``
numbers the events of each run and writes them in batches, and ``rings`` passes them to listeners. A listener that is
slow loses its own events, and never delays the database.

A proxy sends ``events.Batch`` messages: ``PublishRunSteps(stream RunSteps)`` with
``RunSteps {source, number, dropped, malformed, repeated RunStep steps}``, and the same for episodes, where
``RunEpisode.run_completed`` marks the completion of the worker. It opens one call per batch, so that an answer means
that the batch is in the database.
"""
