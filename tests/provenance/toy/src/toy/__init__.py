"""A project of nine jobs whose stages need nothing but the standard library."""
