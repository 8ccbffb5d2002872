"""Adapters: what each server needs to ask ualauth, in its own terms."""
