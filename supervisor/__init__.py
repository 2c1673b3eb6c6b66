"""Runs the services of a virtual router as containers and hot-swaps each one without loss."""

__version__ = "0.1.0"
