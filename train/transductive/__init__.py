"""Tricks that use the test set as a whole: what they would gain, told apart from every other figure."""
