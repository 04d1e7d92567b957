"""Batched: the manipulations as integer arithmetic on whole batches of crops, on any device that torch knows.

Crops are uint8 tensors N×3×H×W, RGB; what they are made of are windows of any sizes, one after the other in one tensor.
`train.data.manipulations` is the reference that these are equal to.
"""
