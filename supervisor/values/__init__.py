"""Values: what every other layer speaks about. Nothing here reads a clock, a file or a socket."""
