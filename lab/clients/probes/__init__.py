"""Our own clients as programs: options come as JSON on standard input, the tally leaves as JSON on standard output."""
