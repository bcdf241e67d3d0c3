"""The graph of a whole crate: its root, its workflow, and all that the seals say."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rocrate.model import Entity

from advtransfer.provenance.crate.actions import add_engine_run, add_job, add_run, last_end
from advtransfer.provenance.crate.contents import Contents
from advtransfer.provenance.crate.graph import PROFILES, Graph, describe, local, unique
from advtransfer.provenance.crate.history import History
from advtransfer.provenance.crate.jobs import Job, stamp
from advtransfer.provenance.crate.parameters import Parameters, filled
from advtransfer.provenance.crate.plan import add_application, add_steps
from advtransfer.provenance.crate.project import Project
from advtransfer.provenance.environment import LOCK_FILE
from advtransfer.provenance.seal import Seal, seal_path

_ENGINE, _ENGINE_PAGE = "snakemake", "https://snakemake.readthedocs.io/"
_WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_LOCK_FORMAT = "https://pip.pypa.io/en/stable/reference/requirements-file-format/"
_CHECKED = (
    "When this crate was made, every file that a job read or wrote was read in full and had the SHA-256 stated here "
    "and in its seal, whether the crate holds it or only names it (#file/...), and every seal was that of the code "
    "and parameters here."
)


def add_whole(graph: Graph, project: Project, seals: Mapping[str, Seal], contents: Contents) -> None:
    """Fill the graph of a crate whose files are `contents` with all that the seals say."""
    jobs = {primary: Job.of(seal) for primary, seal in seals.items()}
    history = History(project.root)
    people = _add_people(graph, history, jobs)
    actions = _add_jobs(graph, jobs, contents, people)
    run = add_run(graph, jobs, actions, _sources(project, jobs, contents), _results(jobs, contents))
    engine_run = add_engine_run(graph, jobs, actions, run, _add_engines(graph, history, jobs))
    _describe_workflow(graph, project, contents)
    _describe_root(graph, project, jobs, unique(people.values()))
    describe(graph.crate.root_dataset, mentions=[run, engine_run, *actions.values()])


def _add_jobs(
    graph: Graph, jobs: Mapping[str, Job], contents: Contents, people: Mapping[str, Entity]
) -> dict[str, Entity]:
    """Primary output -> the action that made it."""
    specs = [job.spec for job in jobs.values()]
    parameters = Parameters(graph, specs)
    for path, slots in filled(specs).items():
        describe(contents[path], exampleOfWork=[parameters[slot] for slot in slots])
    for job in jobs.values():
        contents.label(job.seal)
    tools = add_steps(graph, jobs, contents, parameters)
    return {
        primary: add_job(graph, job, contents, parameters, tools[primary], people.get(job.told.commit or ""))
        for primary, job in jobs.items()
    }


def _add_people(graph: Graph, history: History, jobs: Mapping[str, Job]) -> dict[str, Entity]:
    """Commit -> its author, for the commits that jobs ran from and that are known here."""
    commits = sorted({job.told.commit for job in jobs.values() if job.told.commit})
    authors = {commit: name for commit in commits if (name := history.author(commit))}
    about = (
        "Author of the commit that jobs ran from, as git names them; who started the jobs is not recorded."
    )
    return {
        commit: graph.entity(local("person", name), "Person", name=name, description=about)
        for commit, name in authors.items()
    }


def _add_engines(graph: Graph, history: History, jobs: Mapping[str, Job]) -> list[Entity]:
    """Snakemake in every version that the jobs' lock files pin, or without one if that is not known."""
    pinned = history.engine_versions([job.told for job in jobs.values()], _ENGINE)
    versions: list[str | None] = [*pinned] or [None]
    return [add_application(graph, "Snakemake", version, _ENGINE_PAGE) for version in versions]


def _sources(project: Project, jobs: Mapping[str, Job], contents: Contents) -> Iterable[Entity]:
    """What the workflow reads and no job made: its settings, and the raw inputs of jobs."""
    made = {path for job in jobs.values() for path in job.spec.output_paths}
    sealed = {str(seal_path(primary)) for primary in jobs}
    read = {path for job in jobs.values() for path in job.spec.input_paths}
    return [contents[path] for path in sorted({*project.settings, *(read - made - sealed)})]


def _results(jobs: Mapping[str, Job], contents: Contents) -> Iterable[Entity]:
    """Those outputs of jobs that the crate holds: its results proper, the others being intermediate."""
    return [contents[path] for job in jobs.values() for path in job.spec.output_paths if path in contents]


def _describe_workflow(graph: Graph, project: Project, contents: Contents) -> None:
    lock, readme = contents[LOCK_FILE], contents[project.readme]
    describe(readme, about=graph.crate.root_dataset)
    describe(
        lock,
        conformsTo=graph.entity(
            _LOCK_FORMAT, "WebPageElement", name="Requirements file, every package with its hashes"
        ),
    )
    describe(
        graph.crate.mainEntity,
        name=f"{project.name} workflow",
        description=project.description,
        version=project.version,
        license=_license(graph, project),
        url=readme,
        conformsTo=graph.entity(
            _WORKFLOW_PROFILE, "CreativeWork", name="Bioschemas ComputationalWorkflow", version="1.0"
        ),
        buildInstructions=lock,
    )


def _describe_root(graph: Graph, project: Project, jobs: Mapping[str, Job], people: list[Entity]) -> None:
    profiles = [
        graph.entity(address, "CreativeWork", name=name, version=address.rpartition("/")[2])
        for address, name in PROFILES.items()
    ]
    describe(
        graph.crate.root_dataset,
        name=f"{project.name} {project.version}: results and their provenance",
        description=f"{project.description} {_CHECKED}",
        license=_license(graph, project),
        datePublished=stamp(last_end(jobs)) or datetime.now(UTC).date().isoformat(),
        author=people,
        conformsTo=profiles,
    )


def _license(graph: Graph, project: Project) -> Entity:
    address = f"https://spdx.org/licenses/{project.license}"
    text = f"{project.license} licence, as in the file LICENSE"
    return graph.entity(address, "CreativeWork", name=project.license, description=text)
