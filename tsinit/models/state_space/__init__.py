"""The linear Gaussian state-space model, fitted by EM."""
