"""CloudStack's commands, a module for each type: its fields, how it is merged, and what it means (`FAMILY`)."""
