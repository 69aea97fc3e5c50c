"""The composition root: what each command of the CLI runs. The only package that builds adapters."""
