"""SASL mechanisms, the server's side (RFC 4422): one a file.

Internal: all but `certificate`, `certificate_reading` and `channel_binding`.
"""
