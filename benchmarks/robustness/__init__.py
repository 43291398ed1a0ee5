"""What happens when things go wrong: jobs that are disturbed at random moments, and files that are not whole."""
