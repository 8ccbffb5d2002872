"""Servers that others wrote, asking ualauth: each adapter translates, and owns its replies."""
