"""The configuration folder: read, and made ready. Internal."""
