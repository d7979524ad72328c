"""Words, tables and pictures for people: the verdict and the HTML report."""
