"""One change of a document: ``change(document, "studies.one.seed", 3)``; DELETE removes the key."""

from enum import Enum


class Deleted(Enum):
    """Has the same name in every process, as the names of tests must."""

    DELETE = "deleted"


DELETE = Deleted.DELETE


def change(document, path, value):
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    for part in parents:
        document = document[part]
    if value is DELETE:
        del document[last]
    else:
        document[last] = value
