"""The worker of a service: one thread for each service, on which everything that changes it happens."""
