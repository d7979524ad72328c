"""Kalman filter and smoother, split into the half that looks at the data and the half that does not."""
