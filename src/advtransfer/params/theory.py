"""The two study kinds that simulate a model instead of reading data: ``linear_theory`` and ``sparse_coding``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from advtransfer.params.blocks import Block, Distinct, Impossible, Name, Portable, Resources
from advtransfer.theory.errors import InvalidScenario
from advtransfer.theory.linear import scenario as linear
from advtransfer.theory.sparse_coding import config as sparse

Slice = dict[str, Any]
Radius = Annotated[float, Field(ge=0)]
Positive = Annotated[int | float, Field(gt=0)]
Simulated = Literal[
    "clean", "pseudo-label", "adversarial-l2", "adversarial-linf", "combined-l2", "combined-linf",
    "plain-svd", "plain-svd-pseudo", "no-transfer", "oracle",
]  # fmt: skip
# Named as in every other study -> as in advtransfer.theory.linear.
ESTIMATORS: dict[Simulated, str] = {
    "clean": "clean",
    "pseudo-label": "pseudo",
    "adversarial-l2": "adversarial_l2",
    "adversarial-linf": "adversarial_linf",
    "combined-l2": "pseudo_l2",
    "combined-linf": "pseudo_linf",
    "plain-svd": "plain_svd",
    "plain-svd-pseudo": "plain_svd_pseudo",
    "no-transfer": "no_transfer",
    "oracle": "oracle",
}
LINEAR_METRICS = [
    "sin_theta_op", "sin_theta_fro", "excess_risk", "representation_excess", "head_excess", "error",
]  # fmt: skip


class Sweep(Block):
    """One parameter of a scenario at several values, all else unchanged."""

    values: Annotated[list[Positive], Field(min_length=2), Distinct] = Field(
        description="values of the swept parameter, at least two, above 0"
    )
    variants: Annotated[list[Simulated], Field(min_length=1), Distinct] = Field(
        description="the variants whose rate is fitted"
    )


class LinearScenario(Block):
    """A setting of the linear model x = y B a + rho z; every length is in units of x."""

    p: int = Field(ge=1, description="dimension of x (>= 1)")
    r: int = Field(ge=1, description="dimension of the shared representation (1..p)")
    T: int = Field(ge=1, description="number of source tasks (>= r)")
    n: int = Field(ge=1, description="labelled points per source task (>= 1)")
    n_u: int = Field(linear.Scenario.n_u, ge=0, description="unlabelled points per source task (>= 0)")
    n_target: int = Field(linear.Scenario.n_target, ge=1, description="labelled points of the target (>= 1)")
    signals: list[Radius] = Field(
        list(linear.Scenario.signals), min_length=1, description="levels of |a_t|, the strongest first"
    )
    shares: list[Radius] = Field(
        list(linear.Scenario.shares), min_length=1, description="share of the source tasks at each level"
    )
    target_signal: float = Field(linear.Scenario.target_signal, ge=0, description="|a| of the target (>= 0)")
    support: int = Field(linear.Scenario.support, ge=0, description="non-zero rows of B (r..p), or 0: dense")
    rho: float = Field(linear.Scenario.rho, ge=0, description="noise in each coordinate (>= 0)")
    eps_l2: float = Field(0.0, ge=0, description="radius of the l2 perturbation (>= 0)")
    eps_l2_noise: float = Field(0.0, ge=0, description="added to it, in units of rho sqrt(p / N)")
    eps_l2_pseudo: Radius | None = Field(None, description="replaces eps_l2 on pseudo-labelled means")
    eps_linf: float = Field(0.0, ge=0, description="radius of the linf perturbation (>= 0)")
    eps_linf_noise: float = Field(0.0, ge=0, description="added to it, in units of rho sqrt(2 log p / N)")
    eps_linf_pseudo: Radius | None = Field(None, description="replaces eps_linf on pseudo-labelled means")
    sweeps: dict[
        Literal["n", "p", "T", "r", "n_u", "n_target", "signal", "support", "rho", "target_signal"], Sweep
    ] = Field(default={}, description="parameter (signal: the strongest level) -> {values, variants}")

    @property
    def model(self) -> Slice:
        """The keys that advtransfer.theory.linear knows."""
        return self.model_dump(mode="json", exclude={"sweeps"}, exclude_none=True)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        scenario = _checked(linear.make_scenario, self.model)
        for parameter, sweep in self.sweeps.items():
            for value in sweep.values:
                _checked(linear.vary, scenario, parameter, value, below=f"sweeps.{parameter}.values")
        return self


class LinearTheory(Block):
    """Simulate the linear transfer model in every scenario, and fit the rates of its sweeps."""

    kind: Literal["linear_theory"]
    title: str = Field(min_length=1, description="heading of the report")
    seed: int = Field(ge=0, description="root of every random stream of the study (>= 0)")
    trials: int = Field(
        ge=2, le=100_000, description="independent simulations, shared by all variants (2..100000)"
    )
    scenarios: dict[Name, LinearScenario] = Field(
        min_length=1, description="name -> scenario of the linear model"
    )
    resources: dict[Literal["linear_theory"], Resources] = Field(
        default={}, description="rule -> {threads, mem_mb, runtime, gpu, gpu_optional}"
    )

    def measured(self) -> dict[str, Any]:
        """What the metrics and the rates of the study will hold, for the check of the claims."""
        rates = [
            f"{name}: {variant} over {parameter}"
            for name, scenario in self.scenarios.items()
            for parameter, sweep in scenario.sweeps.items()
            for variant in sweep.variants
        ]
        return _measured(self.scenarios, list(ESTIMATORS), LINEAR_METRICS) | {"rate": rates}

    def simulation(self, name: str, target: str) -> Slice:
        """What the job of one scenario reads."""
        scenario = self.scenarios[target]
        return {
            "row": _row(name, self.kind, target),
            "seed": self.seed,
            "trials": self.trials,
            "estimators": dict(ESTIMATORS),
            "scenario": scenario.model,
            "sweeps": {key: sweep.model_dump(mode="json") for key, sweep in scenario.sweeps.items()},
        }

    def report(self, name: str) -> Slice:
        models = {key: scenario.model for key, scenario in self.scenarios.items()}
        return {
            "study": name,
            "title": self.title,
            "description": {"seed": self.seed, "scenarios": models},
            "estimators": dict(ESTIMATORS),
        }


class SparseScenario(Block):
    """Sparse-coding data x = M z + noise and a two-layer network; lengths in units of an atom of M."""

    d: int = Field(sparse.Scenario.d, ge=1, description="atoms of the dictionary, coordinates of x (>= 1)")
    active: float = Field(
        sparse.Scenario.active, gt=0, description="active atoms of a point, on average (0..d)"
    )
    noise: float = Field(sparse.Scenario.noise, ge=0, description="expected length of the dense noise (>= 0)")
    labels: int = Field(sparse.Scenario.labels, ge=1, description="binary labels of the source (>= 1)")
    units: int = Field(sparse.Scenario.units, ge=1, description="hidden units (>= 1)")
    activation: Literal["soft_threshold", "relu", "relu_no_bias"] = Field(
        description="of the hidden units: soft_threshold, relu or relu_no_bias"
    )
    init: float = Field(
        sparse.Scenario.init, ge=0, description="standard deviation of the initial weights (>= 0)"
    )
    steps: int = Field(sparse.Scenario.steps, ge=0, description="Adam steps of pre-training (>= 0)")
    batch: int = Field(sparse.Scenario.batch, ge=1, description="fresh points a step (>= 1)")
    learning_rate: float = Field(sparse.Scenario.learning_rate, gt=0, description="of Adam (> 0)")
    eps: float = Field(
        sparse.Scenario.eps, ge=0, description="length of the perturbation in pre-training (>= 0)"
    )
    pgd_steps: int = Field(
        sparse.Scenario.pgd_steps, ge=1, description="steps of the attack in pre-training (>= 1)"
    )
    variants: dict[Name, Literal["untrained", "none", "gaussian", "l2"]] = Field(
        min_length=1, description="name -> perturbation in pre-training: untrained, none, gaussian or l2"
    )
    head_points: int = Field(
        sparse.Scenario.head_points, ge=1, description="labelled points downstream (>= 1)"
    )
    head_penalty: float = Field(
        sparse.Scenario.head_penalty, gt=0, description="l2 penalty of the head (> 0)"
    )
    test_points: int = Field(sparse.Scenario.test_points, ge=1, description="test points downstream (>= 1)")
    attack_eps: Annotated[list[Positive], Field(min_length=1), Distinct] = Field(
        list(sparse.Scenario.attack_eps), description="radii of the l2 attack on the test points (> 0)"
    )
    attack_starts: int = Field(
        sparse.Scenario.attack_starts, ge=1, description="starts, the worst counts (>= 1)"
    )
    attack_steps: int = Field(sparse.Scenario.attack_steps, ge=1, description="steps of each start (>= 1)")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        _checked(sparse.make_scenario, self.model_dump(mode="json"))
        return self


class SparseCoding(Block):
    """Pre-train two-layer networks on sparse-coding data; measure purity and what a clean head inherits."""

    kind: Literal["sparse_coding"]
    title: str = Field(min_length=1, description="heading of the report")
    seed: int = Field(ge=0, description="root of every random stream of the study (>= 0)")
    replicas: int = Field(ge=2, le=1000, description="paired repetitions (2..1000)")
    portable: Portable = True
    scenarios: dict[Name, SparseScenario] = Field(min_length=1, description="name -> data and network")
    resources: dict[Literal["sparse_coding"], Resources] = Field(
        default={}, description="rule -> {threads, mem_mb, runtime, gpu, gpu_optional}"
    )

    def measured(self) -> dict[str, Any]:
        """What the metrics of the study will hold, for the check of the claims."""
        radii = sorted({f"{eps:g}" for scenario in self.scenarios.values() for eps in scenario.attack_eps})
        metrics = ["purity_max_cos", "purity_cos2", "source_accuracy", "downstream_accuracy"]
        metrics += [f"robust_{kind}_l2_{eps}" for kind in ("accuracy", "one_start") for eps in radii]
        variants = list(dict.fromkeys(v for scenario in self.scenarios.values() for v in scenario.variants))
        return _measured(self.scenarios, variants, [*metrics, "zero_gradient_share"])

    def simulation(self, name: str, target: str) -> Slice:
        """What the job of one scenario reads."""
        return {
            "row": _row(name, self.kind, target),
            "seed": self.seed,
            "portable": self.portable,
            "replicas": self.replicas,
            "scenario": self.scenarios[target].model_dump(mode="json"),
        }

    def report(self, name: str) -> Slice:
        described = {key: scenario.model_dump(mode="json") for key, scenario in self.scenarios.items()}
        about = {"seed": self.seed, "portable": self.portable}
        return {"study": name, "title": self.title, "description": about | {"scenarios": described}}


def _row(study: str, kind: str, target: str) -> Slice:
    return {"study": study, "kind": kind, "source": "simulation", "target": target}


def _measured(scenarios: Mapping[str, Any], variants: list[Any], metrics: list[str]) -> dict[str, Any]:
    return {
        "target": list(scenarios),
        "variant": variants,
        "protocol": ["theory"],
        "metric": metrics,
        "shots": [0],
        "rate": [],
    }


def _checked(make: Callable[..., Any], *arguments: Any, below: str = "") -> Any:
    """Let the science room judge what no single range covers; its complaint becomes one of params.yaml."""
    try:
        return make(*arguments)
    except InvalidScenario as error:
        key, found, expected = re.fullmatch(r"(.+?) = (.*): expected (.*)", str(error)).groups()  # type: ignore[union-attr]
        if below:
            raise Impossible(below, found=f"{key} = {found}", expected=expected) from None
        raise Impossible(key, found=found, expected=expected) from None
