"""The surface: what people and programs touch: daemon, command line, API, metrics."""
