"""State machines as data: runs of Psyche, tasks of the Crynux network, and workers."""
