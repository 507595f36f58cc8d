"""The token lifecycle of full-stack Python applications."""
