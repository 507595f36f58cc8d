"""Access tokens: claims, issue, verify."""
