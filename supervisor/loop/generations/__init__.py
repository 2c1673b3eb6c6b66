"""Generations: what is done with one instance of a service, whatever it is part of."""
