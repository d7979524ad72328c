"""Loaders and simulators."""
