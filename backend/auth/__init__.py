"""What the application decides about tokens, and the few helpers that its routes use."""
