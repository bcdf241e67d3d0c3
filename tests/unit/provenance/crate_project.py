"""A project of a few sealed jobs, and readers of the crates made of it."""

import json
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from advtransfer.provenance.closure import code_hashes, forget
from advtransfer.provenance.crate.export import Summary, export
from advtransfer.provenance.crate.project import Project
from advtransfer.provenance.hashing import Hasher
from advtransfer.provenance.seal import content_hash, seal_path, write_seal
from advtransfer.provenance.spec import Spec

PLAIN = {
    "Snakefile": "rule all:\n",
    "workflow/rules/train.smk": "rule train:\n",
    "params.yaml": "seeds: [0, 1]\n",
    "requirements.lock": "snakemake-interface-common==1.0 \\\n\nsnakemake==9.8.7 \\\n    --hash=sha256:0\n",
    "README.md": "# A project\n",
    "LICENSE": "MIT License\n",
    "raw/data.txt": "raw\n",
    "src/pkg/__init__.py": "",
    "src/pkg/prepare.py": "from pkg import text\n",
    "src/pkg/train.py": "import pkg.text  # a comment\n",
    "src/pkg/report.py": "NAME = 'report'\n",
    "src/pkg/text.py": "def upper(x):\n    return x.upper()\n",
}
MADE = {
    "started": "2026-01-02T03:04:05.678+00:00",
    "wall_seconds": 2.5,
    "interpreter": "CPython 3.11.7",
    "packages": {"numpy": "2.4.6", "obscure": "0.1"},
    "cpu": "A processor",
    "device": "cpu",
    "threads": 1,
}
DATA, SUMMARY = "data/prepared/x.parquet", "results/summary.json"
MODELS = ["results/train/0/model.safetensors", "results/train/1/model.safetensors"]


def model(seed: int) -> dict[str, str]:
    return {"model": f"results/train/{seed}/model.safetensors", "log": f"results/train/{seed}/log.json"}


@dataclass
class Toy:
    """A project under git whose results are all sealed; its outputs hold their own paths as text."""

    root: Path
    made: dict[str, object] = field(default_factory=lambda: dict(MADE))

    def build(self) -> "Toy":
        """Files, a commit, and the four jobs that ran from it."""
        for path, text in PLAIN.items():
            self.write(path, text)
        self.git("init", "--quiet")
        self.commit("A toy")
        self.made["git"] = {"commit": self.git("rev-parse", "HEAD"), "dirty": False}
        self.made["lock_sha256"] = Hasher(None).sha256(self.root / "requirements.lock")
        self.run("prepare", {"raw": "raw/data.txt"}, {"data": DATA}, {"n": 3})
        for seed in (0, 1):
            params = {
                "attack": {"eps": 0.5, "steps": 7},
                "layers": [1, 2],
                "seed": seed,
                "name": "",
                "on": True,
                "off": None,
            }
            self.run("train", {"data": DATA}, model(seed), params, {"seed": str(seed)})
        self.run(
            "report",
            {"models": MODELS, "seals": [f"{path}.seal" for path in MODELS]},
            {"summary": SUMMARY},
            None,
        )
        return self

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def git(self, *arguments: str) -> str:
        who = ["user.name=Ada Ü. Lovelace", "user.email=ada@localhost", "commit.gpgsign=false"]
        command = ["git", *(word for setting in who for word in ("-c", setting)), *arguments]
        return subprocess.run(
            command, cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def run(self, rule, inputs, outputs, params, wildcards=None, stage=None, made=None, imports=None) -> Spec:
        """Write the outputs of a job and seal them; `imports` is a module that its notebook imports."""
        forget()
        stage = stage or f"pkg.{rule}"
        code = code_hashes(stage, source=self.root / "src")
        code |= code_hashes(imports, source=self.root / "src") if imports else {}
        spec = Spec(rule, stage, wildcards or {}, params, code, inputs, outputs)
        for path in spec.output_paths:
            self.write(path, f"{path}\n")
        paths = spec.input_paths + spec.output_paths
        hashes = {path: content_hash(self.root / path, Hasher(None)) for path in paths}
        write_seal(spec, hashes, self.made if made is None else made, self.root / seal_path(spec.primary))
        return spec

    def project(self, **changes) -> Project:
        files = ("Snakefile", "workflow", "src", "params.yaml", "requirements.lock", "README.md", "LICENSE")
        project = Project(
            self.root, "toy", "1.2", "What it is.", "MIT", files=files, results=("results/*.json",)
        )
        return replace(project, **changes)

    def export(self, target: Path, **changes) -> Summary:
        return export(self.project(**changes), target)

    def crate(self, target: Path, **changes) -> "Crate":
        self.export(target, **changes)
        return Crate.read(target)


@dataclass
class Crate:
    """The entities of a crate."""

    folder: Path
    entities: dict[str, dict]

    @classmethod
    def read(cls, folder: Path) -> "Crate":
        graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
        assert len({entity["@id"] for entity in graph}) == len(graph)
        return cls(folder, {entity["@id"]: entity for entity in graph})

    def __getitem__(self, identifier: str) -> dict:
        return self.entities[identifier]

    def of_type(self, kind: str) -> list[dict]:
        return [entity for entity in self.entities.values() if kind in ids(entity, "@type")]

    def all(self, entity: dict, name: str) -> list[dict]:
        """The entities that a property points at."""
        return [self.entities[identifier] for identifier in ids(entity, name)]

    def path(self, path: str) -> dict:
        """The entity of a file, in the crate or not."""
        return self.entities.get(path) or self.entities[f"#file/{path}"]

    def dangling(self) -> set[str]:
        """Local identifiers that are pointed at and are no entities."""
        pointed = {
            value["@id"]
            for entity in self.entities.values()
            for name in entity
            for value in listed(entity[name])
            if isinstance(value, dict)
        }
        return {one for one in pointed - set(self.entities) if not one.startswith("http")}


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def ids(entity: dict, name: str) -> list[str]:
    """What a property holds: identifiers, or plain values."""
    values = listed(entity.get(name, []))
    return [value["@id"] if isinstance(value, dict) else value for value in values]
