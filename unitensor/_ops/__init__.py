"""The ops, one file a chapter of the standard, each beside its gradient rules."""
