"""One file per event family: what to ask the API, and the rows and downloads that follow."""
