"""The fault campaign: hand-overs under load whose supervisor, candidate, engine or machine fails in the middle."""
