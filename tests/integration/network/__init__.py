"""The kernel's part: links, switches and guard, in namespaces of their own."""
