"""Data sets: generated, embedded or read from the user's files."""
