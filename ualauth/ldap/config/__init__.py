"""om_ldap.conf: its text becomes a configuration. Internal."""
