"""Sessions: one row per login, the refresh token, the decision about a presented one."""
