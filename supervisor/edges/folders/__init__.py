"""Folders on the router's disk: rendered configuration, runtime folders and state volumes of every generation."""

from supervisor.edges.folders.disk import DiskFolders

__all__ = ["DiskFolders"]
