"""The surface: the daemon, its API and metrics, and the command lines. People and programs touch nothing else."""
