"""Damaged and hostile archives, made by the thousand: `make fuzz-archive`."""
