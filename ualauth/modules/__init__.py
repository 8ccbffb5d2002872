"""The modules that ualauth supplies: one a file, found by name, never imported directly."""
