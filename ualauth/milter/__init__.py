"""The milter protocol, by which mail servers hand messages to filters (sendmail's libmilter).

`messages` and `codec` are what both sides speak; a mail server's side is `session`, one milter
by one connection, and `chain`, several milters in their order.

Internal: it may change in any release.
"""
