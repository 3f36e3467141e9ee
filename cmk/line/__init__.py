"""Words and Commands: the language that every door reads."""
