"""Starting strategies."""
