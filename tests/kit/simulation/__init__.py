"""The simulation: the real loop on a machine in memory, by virtual time, with faults at every call of a port.

From the bottom: `faults` counts and injects, `machine` outlives the supervisor, `supervisor` is the loop without
threads, `router` is both together, `service` one service of it, `scenarios` what is done to it, `kill_points` the
campaign over scenarios and faults, `invariants` what must hold afterwards. `samples` are its services and versions.
"""
