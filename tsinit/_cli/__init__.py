"""The commands behind `tsinit.cli` that are more than a call: a file for each, and what they share."""
