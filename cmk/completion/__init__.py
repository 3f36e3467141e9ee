"""What fits at the end of an unfinished line: one engine for cmk's shell and all others."""
