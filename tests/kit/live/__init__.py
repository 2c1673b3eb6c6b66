"""Live: real routers, engines, servers and power cuts. Everything here needs root, and removes its traces."""
