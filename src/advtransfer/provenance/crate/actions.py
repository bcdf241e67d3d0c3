"""Retrospective provenance: what ran, on what, when, and on whose behalf."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from rocrate.model import Entity

from advtransfer.provenance.crate.contents import Contents
from advtransfer.provenance.crate.graph import Graph, describe, local, unique
from advtransfer.provenance.crate.jobs import Job, stamp
from advtransfer.provenance.crate.parameters import Parameters
from advtransfer.provenance.crate.plan import step_id
from advtransfer.provenance.seal import seal_path


def add_job(
    graph: Graph, job: Job, contents: Contents, parameters: Parameters, tool: Entity, agent: Entity | None
) -> Entity:
    """The CreateAction of one job; its seal and it point at each other."""
    spec, told = job.spec, job.told
    wildcards = ", ".join(f"{name}={value}" for name, value in sorted(spec.wildcards.items()))
    rule = f"Job of rule {spec.rule}" + (f" with {wildcards}" if wildcards else "")
    seal = contents[str(seal_path(spec.primary))]
    action = graph.entity(
        local("job", spec.primary),
        "CreateAction",
        name=f"{spec.rule}: {spec.primary}",
        description="; ".join(filter(None, [rule, told.where()])),
        instrument=tool,
        object=[*unique(contents[path] for path in spec.input_paths), *parameters.values(spec)],
        result=[contents[path] for path in spec.output_paths],
        agent=agent,
        startTime=stamp(told.started),
        endTime=stamp(told.ended),
        subjectOf=seal,
    )
    describe(seal, about=action)
    return action


def add_run(
    graph: Graph,
    jobs: Mapping[str, Job],
    actions: Mapping[str, Entity],
    objects: Iterable[Entity],
    results: Iterable[Entity],
) -> Entity:
    """The workflow's CreateAction."""
    workflow = graph.crate.mainEntity
    return graph.entity(
        "#run",
        "CreateAction",
        name=f"Run of {workflow.id}",
        description=f"The {len(jobs)} jobs behind these results; they may be of several calls of the workflow.",
        instrument=workflow,
        object=unique(objects),
        result=unique(results),
        **_circumstances(jobs, actions),
    )


def add_engine_run(
    graph: Graph, jobs: Mapping[str, Job], actions: Mapping[str, Entity], run: Entity, engines: list[Entity]
) -> Entity:
    """The engine's OrganizeAction, with a ControlAction for every job."""
    controls = [
        graph.entity(
            local("control", primary),
            "ControlAction",
            name=f"Execution of step {jobs[primary].spec.rule} for {primary}",
            instrument={"@id": step_id(jobs[primary].spec.rule)},
            object=action,
        )
        for primary, action in actions.items()
    ]
    return graph.entity(
        "#engine-run",
        "OrganizeAction",
        name=f"Run of {engines[0]['name']}",
        instrument=engines,
        object=controls,
        result=run,
        **_circumstances(jobs, actions),
    )


def last_end(jobs: Mapping[str, Job]) -> datetime | None:
    """When the last job ended, as far as the seals tell."""
    return max(filter(None, (job.told.ended for job in jobs.values())), default=None)


def _circumstances(jobs: Mapping[str, Job], actions: Mapping[str, Entity]) -> dict[str, object]:
    """Agents of all jobs, start of the first and end of the last."""
    started = min(filter(None, (job.told.started for job in jobs.values())), default=None)
    return {
        "agent": unique(action["agent"] for action in actions.values() if "agent" in action),
        "startTime": stamp(started),
        "endTime": stamp(last_end(jobs)),
    }
