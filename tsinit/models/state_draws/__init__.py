"""A Gibbs sampler of the linear Gaussian state-space model: what the imputer and the state-space model share."""
