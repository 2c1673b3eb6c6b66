"""A service's worker: one thread for each service, on which everything that changes it happens."""
