"""All services together: start-up, configuration, operations, and what the surface asks."""
