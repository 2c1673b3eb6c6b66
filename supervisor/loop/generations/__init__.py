"""Generations: allocation, definitions, frontends and containers of single instances, inside a hand-over or not."""
