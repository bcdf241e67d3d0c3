"""A project of seven jobs whose stages need nothing but the standard library."""
