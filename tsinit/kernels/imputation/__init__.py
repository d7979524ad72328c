"""Regressions on lags and draws of missing cells."""
