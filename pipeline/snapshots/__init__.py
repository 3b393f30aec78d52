"""Moves a home between machines as verified snapshots.

A snapshot is a numbered list of files with their digests; the bytes are in archives (packs) that
later snapshots share, so that a push sends only what is new. The list is written last, under a
number that can be taken once: of two machines that push at a time, one wins.
"""
