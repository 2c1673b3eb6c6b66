"""Everything the supervisor does to the router's kernel: links, the nftables table, connection tracking, exits."""
