"""The loop: observes, plans, executes and records, through ports alone."""
