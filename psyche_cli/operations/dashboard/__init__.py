"""The dashboard: a web page about runs, live from a local server or in one file."""
