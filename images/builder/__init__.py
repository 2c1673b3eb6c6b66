"""Turns `images/<name>/image.yaml` and Debian packages into one OCI image layout per release."""
