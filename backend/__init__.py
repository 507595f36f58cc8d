"""The Todo application: a FastAPI back end whose sign-in, sessions and tokens are Sealring's."""
