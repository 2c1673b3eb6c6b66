"""Care: what keeps the active generation running: watching, probing, healing, and judging a soak."""
