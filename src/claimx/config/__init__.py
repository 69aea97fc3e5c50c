"""One frozen typed tree of settings, and the only reader of the environment."""
