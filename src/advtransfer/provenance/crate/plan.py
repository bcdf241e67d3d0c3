"""Prospective provenance: the steps of the workflow and the tools that they use."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping

from rocrate.model import Entity

from advtransfer.provenance.crate.contents import Contents
from advtransfer.provenance.crate.graph import Graph, describe, local, unique
from advtransfer.provenance.crate.jobs import Job, Told
from advtransfer.provenance.crate.parameters import Parameters, connections
from advtransfer.provenance.environment import PACKAGES
from advtransfer.provenance.spec import canonical

_SHORT = 12


def add_steps(
    graph: Graph, jobs: Mapping[str, Job], contents: Contents, parameters: Parameters
) -> dict[str, Entity]:
    """Make every rule a step of the main workflow; returns primary output -> the tool that made it."""
    tools = {primary: _add_tool(graph, job, contents, parameters) for primary, job in jobs.items()}
    by_rule: dict[str, list[Entity]] = defaultdict(list)
    for primary, job in jobs.items():
        by_rule[job.spec.rule].append(tools[primary])
    links = _add_connections(graph, jobs, parameters)
    steps = [
        graph.entity(step_id(rule), "HowToStep", name=rule, workExample=unique(used), connection=links[rule])
        for rule, used in sorted(by_rule.items())
    ]
    describe(graph.crate.mainEntity, step=steps, hasPart=unique(tools.values()))
    return tools


def step_id(rule: str) -> str:
    """Identifier of the step that runs a rule."""
    return local("rule", rule)


def add_application(graph: Graph, name: str, version: str | None, url: str | None) -> Entity:
    """A program or package in one version."""
    identifier = local("software", f"{name}-{version}" if version else name)
    return graph.entity(identifier, "SoftwareApplication", name=name, softwareVersion=version, url=url)


def _add_tool(graph: Graph, job: Job, contents: Contents, parameters: Parameters) -> Entity:
    """The stage as it ran: its code and the software that it ran with are part of what it is."""
    spec = job.spec
    ran_with = [spec.rule, spec.code, job.told.interpreter, dict(job.told.packages)]
    return graph.entity(
        local("stage", spec.stage, _digest(ran_with)),
        "SoftwareApplication",
        name=spec.stage,
        description="A stage of the pipeline; hasPart names every module of the project that it can import.",
        softwareVersion=_digest(spec.code),
        url=contents.module(spec.stage),
        hasPart=[contents.module(name) for name in sorted(spec.code)],
        softwareRequirements=list(_add_software(graph, job.told)),
        input=parameters.of(spec.rule, "input", "params"),
        output=parameters.of(spec.rule, "output"),
    )


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:_SHORT]


def _add_software(graph: Graph, told: Told) -> Iterator[Entity]:
    if told.interpreter:
        name, _, version = told.interpreter.rpartition(" ")
        yield add_application(graph, name or version, version, "https://www.python.org/")
    for name, version in told.packages:
        yield add_application(graph, name, version, PACKAGES.get(name))


def _add_connections(
    graph: Graph, jobs: Mapping[str, Job], parameters: Parameters
) -> dict[str, list[Entity]]:
    """Rule -> what fills its inputs from the outputs of rules; the receiving step names it, as in CWL."""
    found: dict[str, list[Entity]] = defaultdict(list)
    for source, target in connections([job.spec for job in jobs.values()]):
        connection = graph.entity(
            local("connection", source.rule, source.name, target.rule, target.name),
            "ParameterConnection",
            sourceParameter=parameters[source],
            targetParameter=parameters[target],
        )
        found[target.rule].append(connection)
    return found
