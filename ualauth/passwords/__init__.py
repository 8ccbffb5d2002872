"""Passwords: stored-password schemes, SCRAM secrets, and string preparation."""
