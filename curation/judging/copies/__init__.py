"""Copies: find the pairs of copies, divide them into sets, and decide which photo of each set stays."""
