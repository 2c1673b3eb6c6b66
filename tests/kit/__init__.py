"""The kit: what tests build on, in four layers. `tests/README.md` says which to use when.

- `samples`: values and documents, such as manifests, certificates and a router's configuration;
- `fakes`: one port each in memory, and a control without a supervisor behind it;
- `simulation`: a whole router in memory and virtual time, on which the real loop runs, dies and comes back;
- `live`: real routers, engines and servers, in namespaces and folders of the test.
"""
