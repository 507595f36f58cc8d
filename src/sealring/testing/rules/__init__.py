"""The rules of the store contract, a module for each subject."""
