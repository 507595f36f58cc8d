"""Revocation: denials, their feed and the in-process denylist."""
