"""Decisions: values in, values out. No clock, file, socket or engine is read here."""
