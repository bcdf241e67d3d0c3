"""The provenance of the results as a Workflow Run RO-Crate (profile Provenance Run Crate 0.5, on RO-Crate 1.1).

A seal becomes three things: a CreateAction (the job: inputs and params as `object`, outputs as `result`, the stage
with its code as `instrument`), a ControlAction (that Snakemake ran its rule), and a file of the crate, since the seal
itself is the evidence. https://www.researchobject.org/workflow-run-crate/profiles/0.5/provenance_run_crate

Choices that the profile leaves open:

- **Files that are not in the crate** (weights, prepared data, all that is large or numerous) are `File` entities with
  a local identifier, `#file/PATH`, and neither parts of the crate nor data entities. RO-Crate 1.1 knows files in the
  crate and files on the web only; its editors settled later (RO-Crate issue 400, pull request 426) that
  intermediate files of a workflow that a crate leaves out are local identifiers. A URL would be invented (no remote
  is configured), and an identifier made of the hash (`ni:`) would take two files of equal bytes for one.
- **Agent**: the author of the commit that a job ran from, if that commit is known here. A seal does not say who
  pressed the button; the description of the person says what is known. No address, no ORCID.
- **No `position` of a step**: rules may depend on each other in a circle (a teacher is trained, labels, and what it
  labelled is trained on by the same rule), and a position must grow from producer to consumer. The connections
  between parameters tell the order.
- **Engine**: its version is read from the lock file whose hash the seals hold, not from what is installed now.
- **`made` is told, not proved**: what is missing or makes no sense there is left out.

Nothing is random and no clock is read (but for the date of a crate of which no seal tells a time), so equal results
give equal bytes. The one dependency beyond the standard library is `rocrate`.
"""
