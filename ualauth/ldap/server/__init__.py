"""The USERLIST as an LDAP directory: what a server of LDAP version 3 does, without sockets.

`ber` and `messages` are the codec (RFC 4511), `filters` what searches ask for, `tree` and
`entries` the USERLIST as entries, `access` who sees and changes what, `directory` the operations,
`session` the state machine of one connection. The daemon carries bytes
(`ualauth.daemon.protocols.ldap`).

Internal: nothing in here is public.
"""
