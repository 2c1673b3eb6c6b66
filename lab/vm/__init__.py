"""The lab inside a virtual machine: the same lab, under Debian's own kernel, which has ESP as real routers have."""
