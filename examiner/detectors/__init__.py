"""Detectors: each measures one trace in bytes, coefficients or pixels, without sentences or calibration."""
