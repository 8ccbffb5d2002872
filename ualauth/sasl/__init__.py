"""SASL mechanisms, the server's side (RFC 4422): one a file.

Apart from `certificate` and `channel_binding`, internal.
"""
