"""The run file, a TOML file that says what a run is: its schema, its reader and its writer."""
