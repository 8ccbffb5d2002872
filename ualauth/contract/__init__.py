"""What modules see, without stores and stacks.

Internal: authors of modules import `ualauth.module`, `ualauth.messages` and `ualauth.identity`.
"""
