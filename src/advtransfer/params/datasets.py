"""Image sets of params.yaml: where the images lie and what is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from advtransfer.params.blocks import Block, Distinct, Impossible, Resources

Slice = dict[str, Any]
# Arguments of torchvision's sets that are not the user's to give: `download` would have a job reach a network.
GIVEN = ("root", "split", "train", "transform", "target_transform", "transforms", "loader", "download")
Splits = Annotated[list[Annotated[str, Field(min_length=1)]], Distinct]


class Folder(Block):
    """Images in a folder a class."""

    path: str = Field(min_length=1, description="the tree, below the data folder")
    splits: Splits = Field(default=[], description="its folders to use, if the classes lie below splits")


class TorchvisionSet(Block):
    """A classification set of torchvision, in the folder of its name below the data folder."""

    name: str = Field(min_length=1, description="its class in torchvision.datasets, such as CIFAR10")
    splits: Splits = Field(default=["train", "test"], description="train, val, test, or the set's own names")
    options: dict[str, str | int] = Field(default={}, description="further arguments of the class")

    @model_validator(mode="after")
    def _further(self) -> Self:
        for key in self.options:
            if key in GIVEN:
                expected = "other arguments: its place, splits and downloading are not for this list"
                raise Impossible(f"options.{key}", found=repr(self.options[key]), expected=expected)
        return self


class ParquetTable(Block):
    """A table with an image column, as the Hugging Face hub keeps them."""

    path: str = Field(min_length=1, description="a file or a folder of shards, below the data folder")
    splits: Splits = Field(default=[], description="shards to use, by how their names begin")
    image: str | None = Field(None, description="the column of images, where its name does not tell")
    label: str | None = Field(None, description="the column of labels, where its name does not tell")


class Dataset(Block):
    """Images of one resolution, prepared from a folder, a set of torchvision or a Parquet table."""

    folder: Folder | None = None
    torchvision: TorchvisionSet | None = None
    parquet: ParquetTable | None = None
    resolution: int = Field(ge=8, le=1024, description="side of the square images in pixels (8..1024)")
    resampling: Literal["box", "bilinear", "bicubic", "lanczos"] = Field(
        "bicubic", description="filter of the resizing: box, bilinear, bicubic or lanczos"
    )
    classes: Annotated[int, Field(ge=2)] | Annotated[list[str], Field(min_length=2), Distinct] | None = Field(
        None, description="the first so many classes by name (>= 2), or their names; none: all"
    )
    images_per_class: int | None = Field(
        None, ge=1, description="the first so many images of each class and split by name; none: all"
    )
    lossy_modes: Literal["convert", "reject"] = Field(
        "convert", description="convert or reject images that lose something on the way to RGB"
    )
    max_reject_share: float = Field(0.01, ge=0, le=1, description="more rejected images are an error (0..1)")
    sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="of the prepared pixels and labels, as the job prints it; another result is then an error",
    )

    resources: Resources = Field(
        Resources(), description="of the job that prepares it: {threads, mem_mb, runtime, gpu, gpu_optional}"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = ("folder", "torchvision", "parquet")
        given = [name for name in places if getattr(self, name) is not None]
        if len(given) != 1:
            raise Impossible(
                "", found=" and ".join(given) or "none", expected=f"exactly one of {', '.join(places)}"
            )
        return self

    @property
    def place(self) -> str:
        """Where the images lie below the data folder."""
        if self.torchvision:
            return self.torchvision.name
        given = self.folder or self.parquet
        assert given is not None
        return given.path

    def prepare(self) -> Slice:
        """What the job that prepares it reads."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"resources"})
