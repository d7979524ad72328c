"""Runs carried out and kept: workers, processes, clusters, the store."""
