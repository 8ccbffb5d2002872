"""Virus scanning of messages: clamd by its socket, and any program by its exit status.

Internal: it may change in any release.
"""
