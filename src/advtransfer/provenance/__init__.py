"""What made each artifact, and whether it still holds.

A **spec** says what a job is before it runs; a **seal** beside its outputs says what it was when it ran; the
**guard** compares the two and tells Snakemake which jobs to run. This package knows files and hashes and
nothing of machine learning: it imports the standard library only, but for `crate`, which describes finished results
with rocrate and which no job imports.
"""
