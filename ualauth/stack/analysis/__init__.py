"""What a stack can conclude, whatever its modules answer; found without asking any.

`answers` knows what an entry may answer, `walks` follows every answer through the engine's own
`evaluate`, and `findings` says what of all that was surely not meant.

Internal: it may change in any release.
"""
