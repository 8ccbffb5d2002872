"""Measurements, as ratios against a peer in the same run: `make bench`.

A subject is one file with `TITLE`, `HOW` and `rows()` (`page.Subject`), and a name in `__main__`.
"""
