"""The files of workers."""
