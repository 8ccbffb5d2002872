"""Service files become stacks, and stacks become verdicts.

`syntax` -> `control` -> `model` -> `compile` on the way in, `engine` at login
time. Only `files` opens files. Linux-PAM's libpam is the reference for the
meaning of every text and every walk.

Internal: it may change in any release.
"""
