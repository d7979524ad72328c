"""The workshop behind `tsinit.plots`: one file for each kind of subject."""
