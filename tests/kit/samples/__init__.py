"""Samples: values and documents that several folders of tests use; nothing here does anything."""
