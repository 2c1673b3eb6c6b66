"""What the loop needs of the world, as Protocols by subject; the edges satisfy them (for tests: tests/fakes)."""
