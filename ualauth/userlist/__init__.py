"""The USERLIST: the mail system's own directory of users."""
