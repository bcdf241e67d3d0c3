"""What the knobs of objectives are and may be: types for the arguments of ``make`` in each file of ``kinds``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from advtransfer.evaluation.fraction import fraction

Norm = Annotated[Literal["l2", "linf"], Field(description="the norm of the ball: l2 or linf")]
# 8/255 is not .031: a radius may be written as the fraction that it is. How far it may reach depends on the images
# (params/reach.py).
Radius = Annotated[
    float,
    BeforeValidator(lambda value: fraction(value) if isinstance(value, str) else value),
    Field(gt=0, description="radius of the ball (> 0); a fraction such as 8/255 may be written as one"),
]
Steps = Annotated[int, Field(ge=1, le=1000, description="number of gradient steps (1..1000)")]
StepLength = Annotated[float, Field(gt=0, description="step length as a multiple of eps / steps (> 0)")]
Replays = Annotated[
    int,
    Field(ge=1, le=32, description="steps on each batch (1..32); the number of batches shrinks by it"),
]
Weight = Annotated[float, Field(gt=0, description="weight of the term beside the cross-entropy (> 0)")]
Deviation = Annotated[
    float, Field(gt=0, description="standard deviation in every pixel, in units of intensity (> 0)")
]
