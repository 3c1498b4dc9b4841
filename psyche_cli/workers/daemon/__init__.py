"""The daemon that supervises workers.

``serve`` opens and closes everything. ``owner_calls``, ``worker_calls`` and ``telemetry_calls`` answer the calls of the
service, behind the ``guard``, which checks tokens. ``dispatcher`` starts workers, ``monitor`` and ``endings`` follow
and end them, and ``recovery`` continues after a daemon that was killed. All of them use the registry through the
``book``, which reports changes, and reach workers through the ``control`` hub.
"""
