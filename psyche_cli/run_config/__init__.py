"""The run configuration file: schema, rules with names, values ready to encode."""
