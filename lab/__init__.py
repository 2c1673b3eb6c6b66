"""The lab: a router, its guests and its neighbours as network namespaces, and clients that measure what they get."""
