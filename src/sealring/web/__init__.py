"""The web rules as pure functions: cookies, credentials, CSRF, limits, headers, answers. No I/O and no framework."""
