"""Edges: each joins the supervisor to one thing outside it, and none knows another."""
