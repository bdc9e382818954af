"""A voice activity detector in production use, whose source is not in its archive's package."""
