"""Fakes: one port each in memory. They refuse what is impossible, and fail when a test asks for it."""
