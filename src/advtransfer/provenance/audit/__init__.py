"""The audit: what can be checked about artifacts after the fact, from their seals, git and DVC alone.

It trusts no clock and no cache: every byte is read again.
"""
