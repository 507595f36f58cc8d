"""The refresh protocol as a small explicit-state model: every interleaving, exhausted, around the real rule.

The rule of the server is ``sealring.sessions.decide`` itself; this folder is only the world around it: two tabs with
one cookie jar, a network that loses and delays, a server that takes several steps, a store that may fall back to an
older state, an owner who logs out, and a thief. ``python -m spec.model`` explores it and prints what it found.
"""
