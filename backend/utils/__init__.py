"""Helpers without a domain of their own."""
